//! How much of the gap between a weak and a strong model a ranking of requests recovers.

/// At how many shares of strong calls above 0 the curve is read: every tenth.
const STEPS: usize = 10;

/// What routing by predicted gain gives.
///
/// The requests with the greatest predicted gain go to the strong model. With a share `s` of requests
/// there, the *performance gap recovered* is `PGR(s) = (q(s) − weak) / (strong − weak)`, where `q` is
/// the quality reached and `weak` and `strong` are those of one model alone. It is read at the shares
/// 0, 10, …, 100 %, as RouteLLM does, with a straight line between two of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Routed {
    /// The average gap recovered: the area under `PGR` by the trapezoid rule, which is how RouteLLM's
    /// evaluation computes it. Routing at random has 0.5.
    pub apgr: f32,
    /// The least share of strong calls, 0 to 1, with which half of the gap is recovered.
    pub cpt50: f32,
    /// The least share of strong calls, 0 to 1, with which four fifths of the gap are recovered.
    pub cpt80: f32,
    /// The quality of the weak model alone.
    pub weak: f32,
    /// The quality of the strong model alone.
    pub strong: f32,
}

/// What routing by `gains` gives, where `weak` and `strong` are the qualities of both models' answers
/// to each request. Requests of equal gain share the strong calls that fall to them. When the strong
/// model is not better over all, there is no gap to recover and the figures are not numbers.
#[must_use]
pub fn routed(gains: &[f32], weak: &[f32], strong: &[f32]) -> Routed {
    let curve = recovered(gains, weak, strong);
    let step = 1.0 / STEPS as f32;
    let area = curve.windows(2).map(|pair| f32::midpoint(pair[0], pair[1]) * step).sum();
    let calls_for = |wanted: f32| {
        let reached = curve.iter().position(|recovered| *recovered >= wanted);
        reached.map_or(f32::NAN, |at| {
            let before = at.saturating_sub(1);
            let rise = (curve[at] - curve[before]).max(f32::MIN_POSITIVE);
            let part = ((wanted - curve[before]) / rise).clamp(0.0, 1.0);
            (before as f32 + part * (at - before) as f32) * step
        })
    };
    let (weak, strong) = (super::mean(weak.iter().copied()), super::mean(strong.iter().copied()));
    Routed { apgr: area, cpt50: calls_for(0.5), cpt80: calls_for(0.8), weak, strong }
}

/// The gap recovered at each of the shares.
fn recovered(gains: &[f32], weak: &[f32], strong: &[f32]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..gains.len()).collect();
    order.sort_by(|&a, &b| gains[b].total_cmp(&gains[a]));
    // Strong calls, and the quality gained by them: a corner after each run of equal gains.
    let mut corners = vec![(0.0_f64, 0.0_f64)];
    let (mut at, mut gained) = (0, 0.0);
    while at < order.len() {
        let end = (at..order.len()).find(|&i| gains[order[i]] < gains[order[at]]).unwrap_or(order.len());
        gained += order[at..end].iter().map(|&i| f64::from(strong[i]) - f64::from(weak[i])).sum::<f64>();
        corners.push((end as f64, gained));
        at = end;
    }
    let gap = if gained > 0.0 { gained } else { f64::NAN };
    let at_share = |step: usize| {
        let calls = gains.len() as f64 * step as f64 / STEPS as f64;
        let end = corners.iter().position(|(count, _)| *count >= calls - 1e-9).unwrap_or(corners.len() - 1);
        let ((from, low), (to, high)) = (corners[end.saturating_sub(1)], corners[end]);
        let part = if to > from { ((calls - from) / (to - from)).clamp(0.0, 1.0) } else { 1.0 };
        ((low + part * (high - low)) / gap) as f32
    };
    (0..=STEPS).map(at_share).collect()
}

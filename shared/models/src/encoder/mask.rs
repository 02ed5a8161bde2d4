//! Takes the mask out of a graph whose texts are never padded.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, NodeProto};

/// Lets every token see all others, as the input `mask` says when all of it is 1, and tells in how many attentions.
///
/// The masks would be computed and added, and tokens that see nothing looked for, at every inference: a quarter of the
/// time of 128 tokens. An attention that is written in another way keeps its mask.
pub(crate) fn see_everything(graph: &mut GraphProto, mask: &str) -> usize {
    let attentions = attentions(graph, mask);
    for Attention { softmax, scores, shares, guarded } in &attentions {
        graph.node[*softmax].input[0].clone_from(scores);
        let Some(guarded) = guarded else { continue };
        let inputs = graph.node.iter_mut().flat_map(|node| &mut node.input);
        inputs.filter(|input| *input == guarded).for_each(|input| input.clone_from(shares));
    }
    attentions.len()
}

/// `softmax(scores + mask)`, perhaps with zeros in place of what is no number.
struct Attention {
    /// Where the softmax stands among the nodes.
    softmax: usize,
    scores: String,
    shares: String,
    /// What reads the shares and has zeros in the rows of tokens that see nothing.
    guarded: Option<String>,
}

fn attentions(graph: &GraphProto, mask: &str) -> Vec<Attention> {
    let makers: HashMap<&str, &NodeProto> =
        graph.node.iter().flat_map(|node| node.output.iter().map(move |output| (output.as_str(), node))).collect();
    let guarded = |shares: &str| {
        let guard = graph.node.iter().filter(|node| node.op_type == "Where").find(|node| {
            let [is_nan, _, kept] = node.input.as_slice() else { return false };
            let asks =
                makers.get(is_nan.as_str()).is_some_and(|node| node.op_type == "IsNaN" && node.input == [shares]);
            asks && kept == shares
        });
        let guarded = guard?.output.first()?;
        graph.output.iter().all(|output| output.name != *guarded).then(|| guarded.clone())
    };
    let attention = |(softmax, node): (usize, &NodeProto)| {
        if node.op_type != "Softmax" {
            return None;
        }
        let add = makers.get(node.input.first()?.as_str()).filter(|node| node.op_type == "Add")?;
        let [left, right] = add.input.as_slice() else { return None };
        let scores = match (is_mask(&makers, left, mask), is_mask(&makers, right, mask)) {
            (false, true) => left,
            (true, false) => right,
            _ => return None,
        };
        let shares = node.output.first()?;
        Some(Attention { softmax, scores: scores.clone(), shares: shares.clone(), guarded: guarded(shares) })
    };
    graph.node.iter().enumerate().filter_map(attention).collect()
}

/// Whether `name` is made of the input `mask`, and of nothing that a matrix was multiplied for.
fn is_mask(makers: &HashMap<&str, &NodeProto>, name: &str, mask: &str) -> bool {
    let (mut seen, mut open) = (HashSet::from([name]), vec![name]);
    while let Some(name) = open.pop() {
        let Some(maker) = makers.get(name) else { continue };
        if matches!(maker.op_type.as_str(), "MatMul" | "Gemm") {
            return false;
        }
        open.extend(maker.input.iter().map(String::as_str).filter(|input| seen.insert(input)));
    }
    seen.contains(mask)
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::ValueInfoProto;

    use super::super::weights::tests::node;
    use super::*;

    #[test]
    fn an_attention_loses_its_mask_and_its_guard() {
        let mut graph = attention();
        assert_eq!(see_everything(&mut graph, "mask"), 1);
        assert_eq!(inputs_of(&graph, "shares"), ["scores"]);
        assert_eq!(inputs_of(&graph, "seen"), ["shares", "values"]);
    }

    #[test]
    fn the_mask_may_be_added_on_either_side() {
        let mut graph = attention();
        graph.node[2].input.reverse();
        assert_eq!(see_everything(&mut graph, "mask"), 1);
        assert_eq!(inputs_of(&graph, "shares"), ["scores"]);
    }

    #[test]
    fn what_is_no_mask_stays() {
        check_untouched(|graph| graph.node[1].input[0] = "learned".into());
        check_untouched(|graph| graph.node.push(node("MatMul", &["other", "weights"], "mask")));
        check_untouched(|graph| graph.node[2].op_type = "Mul".into());
        check_untouched(|graph| graph.node[0] = node("Mul", &["mask", "keys"], "scores"));
    }

    #[test]
    fn a_guard_that_something_else_is_read_from_stays() {
        let mut graph = attention();
        graph.output.push(ValueInfoProto { name: "guarded".into(), ..ValueInfoProto::default() });
        assert_eq!(see_everything(&mut graph, "mask"), 1);
        assert_eq!(inputs_of(&graph, "seen"), ["guarded", "values"]);
    }

    #[track_caller]
    fn check_untouched(change: impl Fn(&mut GraphProto)) {
        let mut graph = attention();
        change(&mut graph);
        let before = graph.clone();
        assert_eq!((see_everything(&mut graph, "mask"), graph), (0, before));
    }

    fn inputs_of<'a>(graph: &'a GraphProto, output: &str) -> &'a [String] {
        &graph.node.iter().find(|node| node.output == [output]).unwrap().input
    }

    fn attention() -> GraphProto {
        GraphProto {
            node: vec![
                node("MatMul", &["queries", "keys"], "scores"),
                node("Where", &["mask", "zero", "low"], "hidden"),
                node("Add", &["scores", "hidden"], "masked"),
                node("Softmax", &["masked"], "shares"),
                node("IsNaN", &["shares"], "is_nan"),
                node("Where", &["is_nan", "zero", "shares"], "guarded"),
                node("MatMul", &["guarded", "values"], "seen"),
            ],
            ..GraphProto::default()
        }
    }
}

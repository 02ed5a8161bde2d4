//! Plots as SVG.

use std::error::Error;

use plotters::prelude::*;

type BoxError = Box<dyn Error + Send + Sync>;

const SIZE: (u32, u32) = (640, 260);
const FONT: (&str, u32) = ("sans-serif", 13);

/// One line of a plot: its name, and its value at each place that has one.
pub struct Series<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Whether the places have an order, so that values are joined.
    pub is_joined: bool,
    /// Its values, place by place.
    pub values: Vec<Option<f64>>,
}

/// Lines over `places`, such as weeks, from 0 up. Nothing when no place has a value.
///
/// # Errors
/// When the plot cannot be drawn.
pub fn lines(places: &[&str], unit: &str, series: &[Series<'_>]) -> Result<Option<String>, BoxError> {
    let values = series.iter().flat_map(|series| series.values.iter().flatten());
    let Some(highest) = values.copied().filter(|value| value.is_finite()).reduce(f64::max) else { return Ok(None) };
    let last = places.len().saturating_sub(1) as f64;
    draw(0.0..last.max(1.0), 0.0..(highest * 1.1).max(f64::MIN_POSITIVE), |chart| {
        chart
            .configure_mesh()
            .disable_x_mesh()
            .max_light_lines(0)
            .x_labels(places.len().min(12))
            .x_label_formatter(&|place| {
                let is_whole = (place - place.round()).abs() < 1e-6;
                places
                    .get(place.round() as usize)
                    .filter(|_| is_whole)
                    .map_or_else(String::new, |name| (*name).to_owned())
            })
            .y_desc(unit)
            .label_style(FONT)
            .draw()?;
        for (number, Series { name, is_joined, values }) in series.iter().enumerate() {
            let color = Palette99::pick(number).to_rgba();
            let points: Vec<(f64, f64)> =
                values.iter().enumerate().filter_map(|(place, value)| Some((place as f64, (*value)?))).collect();
            let drawn = if *is_joined {
                chart.draw_series(LineSeries::new(points, color.stroke_width(2)).point_size(3))?
            } else {
                chart.draw_series(points.into_iter().map(|point| Circle::new(point, 5, color.filled())))?
            };
            drawn.label(*name).legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .border_style(BLACK.mix(0.2))
            .background_style(WHITE.mix(0.8))
            .label_font(FONT)
            .draw()?;
        Ok(())
    })
    .map(Some)
}

/// How often something held against how often it was said to, with the line on which both are the same.
pub(crate) fn reliability(points: &[(f64, f64)]) -> Result<Option<String>, BoxError> {
    if points.is_empty() {
        return Ok(None);
    }
    draw(0.0..1.0, 0.0..1.0, |chart| {
        chart.configure_mesh().max_light_lines(0).x_desc("score").y_desc("called helpful").label_style(FONT).draw()?;
        chart.draw_series(LineSeries::new([(0.0, 0.0), (1.0, 1.0)], BLACK.mix(0.3)))?;
        let color = Palette99::pick(0).to_rgba();
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 4, color.filled())))?;
        Ok(())
    })
    .map(Some)
}

type Chart<'a> = ChartContext<
    'a,
    SVGBackend<'a>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;
type Drawn = Result<(), DrawingAreaErrorKind<<SVGBackend<'static> as DrawingBackend>::ErrorType>>;

fn draw(
    x: std::ops::Range<f64>,
    y: std::ops::Range<f64>,
    content: impl FnOnce(&mut Chart<'_>) -> Drawn,
) -> Result<String, BoxError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        let failed = |error: DrawingAreaErrorKind<_>| BoxError::from(error.to_string());
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .margin_right(48)
            .x_label_area_size(36)
            .y_label_area_size(64)
            .build_cartesian_2d(x, y)
            .map_err(failed)?;
        content(&mut chart).map_err(failed)?;
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

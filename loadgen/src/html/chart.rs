//! A line chart as inline SVG.

use std::fmt::Write;

use super::scale::Scale;
use super::{COLOURS, escape};

/// Of a chart beside another, and of one with a row of its own.
const WIDTH: f64 = 560.0;
const WIDTH_WIDE: f64 = 1140.0;
const HEIGHT: f64 = 290.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 34.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 44.0;
/// Labels of the horizontal axis that are closer to the one before are left out.
const LABEL_WIDTH: f64 = 52.0;

/// One line of a chart.
pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

pub struct Axis {
    pub name: &'static str,
    pub scale: Scale,
    pub label: fn(f64) -> String,
}

pub struct Chart<'a> {
    pub title: &'a str,
    pub note: &'a str,
    pub x: Axis,
    pub y: Axis,
    pub series: &'a [Series],
    /// Whether the space below a single line is shaded.
    pub shade: Shade,
    pub width: Width,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Width {
    Half,
    Full,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Shade {
    None,
    Below,
}

impl Chart<'_> {
    /// The chart in a card, with a legend when there are several lines.
    pub fn card(&self) -> String {
        let mut text =
            format!("<section class=\"card{}\">\n", if self.width == Width::Full { " wide" } else { "" });
        let mut add = |line: String| text.push_str(&line);
        add(format!("<h3>{}</h3>\n<p>{}</p>\n", escape(self.title), escape(self.note)));
        if self.series.len() > 1 {
            let item = |(index, series): (usize, &Series)| {
                format!("<li class=\"l{}\">{}</li>\n", index % COLOURS, escape(&series.name))
            };
            let items: String = self.series.iter().enumerate().map(item).collect();
            add(format!("<ul class=\"legend\">\n{items}</ul>\n"));
        }
        add(self.svg());
        text.push_str("</section>\n");
        text
    }

    fn svg(&self) -> String {
        let mut text = format!(
            "<svg viewBox=\"0 0 {} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n",
            self.pixels(),
            escape(self.title)
        );
        self.draw_axes(&mut text);
        for (index, series) in self.series.iter().enumerate() {
            self.draw_series(&mut text, index % COLOURS, series);
        }
        text.push_str("</svg>\n");
        text
    }

    fn draw_axes(&self, text: &mut String) {
        let (right, bottom) = (self.pixels() - RIGHT, HEIGHT - BOTTOM);
        let mut add =
            |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("a String takes all text");
        for mark in self.y.scale.marks() {
            let y = self.y_place(mark);
            add(format_args!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
            ));
            let label = escape(&(self.y.label)(mark));
            let (x, y) = (LEFT - 8.0, y + 4.0);
            add(format_args!("<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{label}</text>"));
        }
        let mut labelled = f64::NEG_INFINITY;
        for mark in self.x.scale.marks() {
            let x = self.x_place(mark);
            add(format_args!(
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{bottom}\"/>"
            ));
            if x - labelled < LABEL_WIDTH {
                continue;
            }
            labelled = x;
            let label = escape(&(self.x.label)(mark));
            let y = bottom + 17.0;
            add(format_args!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>"));
        }
        add(format_args!(
            "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{bottom}\" y2=\"{bottom}\"/>"
        ));
        let (x, y) = (f64::midpoint(LEFT, right), HEIGHT - 6.0);
        add(format_args!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>", escape(self.x.name)));
    }

    fn draw_series(&self, text: &mut String, colour: usize, series: &Series) {
        let places: Vec<(f64, f64)> =
            series.points.iter().map(|&(x, y)| (self.x_place(x), self.y_place(y))).collect();
        let (Some(first), Some(last)) = (places.first(), places.last()) else { return };
        let mut add =
            |line: std::fmt::Arguments<'_>| writeln!(text, "{line}").expect("a String takes all text");
        let line: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
        let line = line.join(" L");
        if self.shade == Shade::Below && self.series.len() == 1 {
            let bottom = HEIGHT - BOTTOM;
            let (from, to) = (first.0, last.0);
            add(format_args!(
                "<path class=\"fill f{colour}\" d=\"M{from:.1} {bottom} L{line} L{to:.1} {bottom} Z\"/>"
            ));
        }
        add(format_args!("<path class=\"curve s{colour}\" d=\"M{line}\"/>"));
        for (&(x, y), (x_place, y_place)) in series.points.iter().zip(&places) {
            let name = format!("{}: {} at {}", series.name, (self.y.label)(y), (self.x.label)(x));
            add(format_args!(
                "<circle class=\"dot f{colour}\" cx=\"{x_place:.1}\" cy=\"{y_place:.1}\" r=\"4\"><title>{}</title></circle>",
                escape(&name)
            ));
        }
    }

    fn pixels(&self) -> f64 {
        if self.width == Width::Full { WIDTH_WIDE } else { WIDTH }
    }

    fn x_place(&self, figure: f64) -> f64 {
        LEFT + self.x.scale.place(figure) * (self.pixels() - LEFT - RIGHT)
    }

    fn y_place(&self, figure: f64) -> f64 {
        HEIGHT - BOTTOM - self.y.scale.place(figure) * (HEIGHT - TOP - BOTTOM)
    }
}

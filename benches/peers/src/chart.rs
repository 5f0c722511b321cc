//! The chart: CPU an event of every client, a group of bars a scenario. Plain SVG, no script, no font of its own.

use std::fmt::Write as _;

use crate::suite::Result1;

const BAR: usize = 13;
const LEFT: usize = 210;
const WIDTH: usize = 520;

/// One chart of all scenarios.
pub fn svg(results: &[Result1]) -> String {
    let bars: usize = results.iter().map(|it| it.outcomes.len()).sum();
    let height = 46 + bars * BAR + results.len() * 30;
    let mut body = String::new();
    let mut y = 44;
    for it in results {
        // Each group has its own scale: a row of 2 kB and a row of 100 bytes have no common one.
        let most = it.outcomes.iter().map(|of| of.cpu(it.events).median).fold(f64::MIN_POSITIVE, f64::max);
        let _ = writeln!(
            body,
            "<text x=\"8\" y=\"{}\" font-weight=\"bold\">{} (PostgreSQL {})</text>",
            y + 10,
            it.scenario,
            it.version
        );
        y += 16;
        for outcome in &it.outcomes {
            let cpu = outcome.cpu(it.events).median;
            let length = (cpu / most * WIDTH as f64).max(1.0);
            let colour = match outcome.family {
                crate::clients::Family::Ours => "#1f77b4",
                crate::clients::Family::Floor => "#b0b0b0",
                _ => "#ff7f0e",
            };
            let _ = writeln!(
                body,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text><rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" \
                 height=\"{}\" fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{}\">{cpu:.2}</text>",
                LEFT - 6,
                y + 9,
                outcome.client,
                BAR - 3,
                LEFT as f64 + length + 4.0,
                y + 9
            );
            y += BAR;
        }
        y += 14;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"10\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"8\" y=\"20\" font-size=\"14\">CPU of the client, µs an event (median; less is better)</text>\n{body}</svg>\n",
        LEFT + WIDTH + 60
    )
}

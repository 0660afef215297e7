//! Results: a table for people, JSON for programs.

use serde_json::{Map, Value, json};

use crate::machine::Machine;
use crate::statistics::Samples;

/// What a benchmark found out.
pub(crate) struct Report {
    /// The benchmark's name on the command line.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) table: Table,
    /// For programs.
    pub(crate) data: Value,
}

/// A table with a title above and notes below.
pub(crate) struct Table {
    /// What was measured.
    pub(crate) title: String,
    /// The heads of the columns, of which the first is the rows' names.
    pub(crate) heads: Vec<&'static str>,
    /// The rows, each as long as the heads.
    pub(crate) rows: Vec<Vec<String>>,
    /// How it was measured.
    pub(crate) notes: Vec<String>,
}

impl Report {
    /// The table, with the machine as its last note.
    pub(crate) fn to_text(&self, machine: &Machine) -> String {
        let mut text = self.table.to_text();
        text += &machine.describe();
        text.push('\n');
        text
    }
}

/// All that was measured, by the benchmarks' names.
pub(crate) fn to_json(machine: &Machine, reports: &[Report]) -> Value {
    let benchmarks: Map<String, Value> = reports
        .iter()
        .map(|report| (report.name.to_owned(), report.data.clone()))
        .collect();
    json!({ "machine": machine, "benchmarks": benchmarks })
}

impl Table {
    fn to_text(&self) -> String {
        let heads: Vec<String> = self.heads.iter().map(|head| (*head).to_owned()).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&heads).chain(&self.rows).collect();
        let widths: Vec<usize> = (0..heads.len())
            .map(|column| {
                let width =
                    |line: &&Vec<String>| line.get(column).map_or(0, |cell| cell.chars().count());
                lines.iter().map(width).max().unwrap_or(0)
            })
            .collect();
        let mut text = format!("{}\n\n", self.title);
        for line in lines {
            let mut row = String::new();
            for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
                // Names to the left, numbers to the right.
                row += &if column == 0 {
                    format!("{cell:<width$}")
                } else {
                    format!("   {cell:>width$}")
                };
            }
            text += row.trim_end();
            text.push('\n');
        }
        text.push('\n');
        for note in &self.notes {
            text += note;
            text.push('\n');
        }
        text
    }
}

/// The lowest and the highest of them, as `write` writes numbers.
pub(crate) fn range(samples: &Samples, write: impl Fn(f64) -> String) -> String {
    format!("{}–{}", write(samples.lowest()), write(samples.highest()))
}

/// A whole number with its thousands apart.
pub(crate) fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let cases = [
            (0.4, "0"),
            (999.4, "999"),
            (999.6, "1,000"),
            (16_012.0, "16,012"),
            (1_234_567.0, "1,234,567"),
        ];
        for (number, text) in cases {
            assert_eq!(thousands(number), text);
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 2]| cells.map(str::to_owned).to_vec();
        let table = Table {
            title: "Title".to_owned(),
            heads: vec!["", "× nginx"],
            rows: vec![row(["nginx", "1"]), row(["a long name", "0.25"])],
            notes: vec!["Note.".to_owned()],
        };
        let expected = "Title\n\n              × nginx\nnginx               1\na long name      0.25\n\nNote.\n";
        assert_eq!(table.to_text(), expected);
    }
}

//! One server with more and more cores under the same load, and what the Universal Scalability Law makes of it.
//!
//! It is a comparison of the server with itself: servers of all sizes run, and are measured in turns.

use std::fmt::Write;

use serde::Serialize;

use crate::arguments::{
    CompareArguments, Cpus, LoadArguments, LoginArguments, NamedCommand, RecipeArguments, ScaleArguments,
};
use crate::arrivals::Spacing;
use crate::compare::{CompareError, compare};
use crate::comparison::{Comparison, ServerResult, Spread};
use crate::interrupt::Interrupt;
use crate::report::grouped;
use crate::scalability::{Fit, Point, fit};

/// Sizes that are measured when none are named, as far as there are CPUs.
const SIZES: [u32; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32];

/// Which CPUs each side has.
#[derive(Debug, PartialEq)]
struct Split {
    /// Numbers of shards that are measured.
    sizes: Vec<u32>,
    /// The shards of a size are on the first of them.
    server: Vec<usize>,
    generator: Vec<usize>,
}

/// The document.
#[derive(Debug, Serialize)]
pub struct ScaleReport {
    pub machine: String,
    pub workload: String,
    pub generator_cpus: String,
    pub rows: Vec<ScaleRow>,
    /// Of all rounds; `None` when nothing was measured.
    pub fit: Option<Fit>,
    pub peak: Option<f64>,
    pub remarks: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct ScaleRow {
    pub shards: u32,
    /// How many CPUs of shards are the generator's as well.
    pub shared_cpus: usize,
    pub requests_per_second: Spread,
    pub cpu_us_per_request: Spread,
    pub server_cpu_percent: f64,
    pub generator_cpu_percent: f64,
    pub rates: Vec<f64>,
}

pub fn scale(arguments: &ScaleArguments, interrupt: &Interrupt) -> Result<ScaleReport, CompareError> {
    let mut cpus: Vec<usize> = crate::cpu::online_cpus()?.into_iter().collect();
    cpus.sort_unstable();
    let split = Split::of(&cpus, &arguments.shards);
    let comparison = compare(&comparison_of(arguments, &split), interrupt)?;
    Ok(ScaleReport::of(&comparison, &split, &arguments.workload.name))
}

impl Split {
    /// Half of the CPUs serve and half ask; where there are two, the second does both.
    fn of(cpus: &[usize], wanted: &[u32]) -> Split {
        let half = cpus.len().div_ceil(2);
        let (most, asking) = if cpus.len() == 2 { (2, 1) } else { (half, (cpus.len() - half).max(1)) };
        let sizes = SIZES.into_iter().filter(|&size| size as usize <= most).collect();
        let sizes = if wanted.is_empty() { sizes } else { wanted.to_vec() };
        Split { sizes, server: cpus.to_vec(), generator: cpus[cpus.len() - asking..].to_vec() }
    }

    fn server_cpus(&self, shards: u32) -> &[usize] {
        &self.server[..(shards as usize).min(self.server.len())]
    }

    fn shared(&self, shards: u32) -> usize {
        self.server_cpus(shards).iter().filter(|cpu| self.generator.contains(cpu)).count()
    }
}

fn comparison_of(arguments: &ScaleArguments, split: &Split) -> CompareArguments {
    let server = |&shards: &u32| NamedCommand {
        name: shards.to_string(),
        command: arguments
            .server
            .replace("{cpus}", &Cpus(split.server_cpus(shards).to_vec()).to_list())
            .replace("{shards}", &shards.to_string()),
    };
    CompareArguments {
        servers: split.sizes.iter().map(server).collect(),
        workloads: vec![arguments.workload.clone()],
        recipe: RecipeArguments { key_space: arguments.key_space, ..RecipeArguments::default() },
        // It starts its servers itself, which want no password.
        login: LoginArguments { user: None, password: None, resp: 2, database: 0 },
        rounds: arguments.rounds,
        control: false,
        server_cpus: None,
        client_cpus: Some(Cpus(split.generator.clone())),
        boost: arguments.boost,
        markdown: None,
        json: None,
        html: None,
        load: LoadArguments {
            // The workload says them.
            connections: arguments.workload.connections,
            pipeline: arguments.workload.pipeline,
            rate: None,
            arrivals: Spacing::default(),
            threads: None,
            seed: 1,
            warmup: None,
            seconds: Some(arguments.seconds),
            reply_timeout: arguments.reply_timeout,
        },
    }
}

impl ScaleReport {
    fn of(comparison: &Comparison, split: &Split, workload: &str) -> ScaleReport {
        let measured = comparison.workloads.first();
        let servers = measured.map_or(&[][..], |workload| &workload.servers);
        let rows: Vec<ScaleRow> = servers.iter().map(|server| ScaleRow::of(server, split)).collect();
        let of_row = |row: &ScaleRow| {
            let cores = row.shards;
            row.rates.iter().map(|&rate| Point { cores, rate }).collect::<Vec<_>>()
        };
        let fit = fit(&rows.iter().flat_map(of_row).collect::<Vec<_>>());
        let mut remarks = measured.map_or_else(Vec::new, |workload| workload.remarks.clone());
        remarks.extend(comparison.failures.iter().cloned());
        remarks.extend(rows.iter().filter(|row| row.shared_cpus > 0).map(|row| {
            let (shards, shared) = (row.shards, row.shared_cpus);
            format!(
                "{shards} shards: the generator runs on {shared} of their CPUs, so the row is below what they could do"
            )
        }));
        remarks.extend(fit.iter().flat_map(|fit| proof(fit).map(str::to_owned)));
        ScaleReport {
            machine: comparison.machine.clone(),
            workload: workload.to_owned(),
            generator_cpus: Cpus(split.generator.clone()).to_list(),
            peak: fit.as_ref().and_then(Fit::peak),
            rows,
            fit,
            remarks,
        }
    }

    /// The table, as Markdown, and the law below it.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{}, generator on CPU {}\n\n| shards | requests/s [least..most] | of one core | the law says | CPU us/request | server % | generator % |\n\
             |---:|---:|---:|---:|---:|---:|---:|\n",
            self.workload, self.generator_cpus
        );
        let whole = |rate: f64| grouped(rate.round() as u64);
        let one = self.rows.first().map_or(1.0, |row| row.requests_per_second.median / f64::from(row.shards));
        for row in &self.rows {
            let Spread { median, least, most } = row.requests_per_second;
            writeln!(
                text,
                "| {} | {} [{}..{}] | {:.2} | {} | {:.3} | {:.0} | {:.0} |",
                row.shards,
                whole(median),
                whole(least),
                whole(most),
                median / one,
                self.fit.map_or_else(String::new, |fit| whole(fit.rate(f64::from(row.shards)))),
                row.cpu_us_per_request.median,
                row.server_cpu_percent,
                row.generator_cpu_percent,
            )
            .expect("a String takes all text");
        }
        text.push('\n');
        text += &self.law();
        self.remarks.iter().for_each(|remark| text += &format!("- {remark}\n"));
        text
    }

    fn law(&self) -> String {
        let Some(fit) = &self.fit else {
            return "Nothing was measured, so there is nothing to fit.\n".to_owned();
        };
        let peak = match self.peak {
            Some(1.0) => "more cores do less from the first on".to_owned(),
            Some(peak) => format!("it would bend at {peak:.1} cores"),
            None => "without κ it has no bend".to_owned(),
        };
        format!(
            "Universal Scalability Law, X(N) = λN / (1 + σ(N−1) + κN(N−1)): λ = {:.0}/s, σ = {:.4}, κ = {:.6}; {peak}; \
             {:.1} % left unexplained.\n",
            fit.lambda,
            fit.sigma,
            fit.kappa,
            100.0 * fit.residual
        )
    }
}

impl ScaleRow {
    fn of(server: &ServerResult, split: &Split) -> ScaleRow {
        let shards = server.name.parse().expect("servers are named by their shards");
        ScaleRow {
            shards,
            shared_cpus: split.shared(shards),
            requests_per_second: server.requests_per_second,
            cpu_us_per_request: server.cpu_us_per_request,
            server_cpu_percent: server.server_cpu_percent.median,
            generator_cpu_percent: server.generator_cpu_percent.median,
            rates: server.rounds.iter().map(|round| round.requests_per_second).collect(),
        }
    }
}

/// How little a fit proves, when it does.
fn proof(fit: &Fit) -> Option<&'static str> {
    match fit.sizes {
        1 => {
            Some("ONE SIZE SAYS NOTHING ABOUT SCALING: only λ is known, σ and κ are set to 0, not measured.")
        }
        2 => Some(
            "TWO SIZES CANNOT DETERMINE THREE PARAMETERS: κ is set to 0, not measured, and σ holds all that is lost from \
             one size to the other, whatever the reason. Nothing here says how more cores would do, or where it bends.",
        ),
        3 => Some(
            "Three sizes determine three parameters exactly: nothing tests whether the law holds here. More sizes would.",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{ScaleReport, Split};
    use crate::comparison::Spread;
    use crate::comparison::tests::sample_comparison;

    #[test]
    fn cpus_are_split_between_server_and_generator() {
        let split = |cpus: usize| Split::of(&(0..cpus).collect::<Vec<_>>(), &[]);
        assert_eq!(split(1).sizes, [1]);
        assert_eq!((split(1).generator, split(1).shared(1)), (vec![0], 1));
        assert_eq!((split(2).sizes, split(2).generator), (vec![1, 2], vec![1]));
        assert_eq!((split(2).shared(1), split(2).shared(2)), (0, 1));
        assert_eq!((split(8).sizes, split(8).generator), (vec![1, 2, 3, 4], vec![4, 5, 6, 7]));
        assert_eq!(split(8).shared(4), 0);
        assert_eq!(split(64).sizes.last(), Some(&32));
        assert_eq!(Split::of(&[0, 1, 2, 3], &[1, 3]).shared(3), 1);
    }

    fn report(rates: &[(u32, f64)]) -> ScaleReport {
        let mut comparison = sample_comparison();
        let sample = comparison.workloads[0].servers.remove(0);
        comparison.workloads[0].servers.clear();
        for &(shards, rate) in rates {
            let mut server = sample_comparison().workloads.remove(0).servers.remove(0);
            server.name = shards.to_string();
            server.requests_per_second = Spread { median: rate, least: rate, most: rate };
            server.rounds =
                vec![crate::report::RunReport { requests_per_second: rate, ..sample.rounds[0].clone() }];
            comparison.workloads[0].servers.push(server);
        }
        ScaleReport::of(&comparison, &Split::of(&[0, 1], &[]), "get-p16")
    }

    #[test]
    fn two_sizes_are_said_to_prove_little() {
        let table = report(&[(1, 1000.0), (2, 1600.0)]).table();
        for part in [
            "| 2 | 1,600 [1,600..1,600] | 1.60 |",
            "σ = 0.2500, κ = 0.000000",
            "no bend",
            "CANNOT DETERMINE",
            "2 shards: the generator runs on 1",
        ] {
            assert!(table.contains(part), "{part} in {table}");
        }
    }

    #[test]
    fn enough_sizes_tell_where_it_bends() {
        let law = |n: f64| 1000.0 * n / (1.0 + 0.1 * (n - 1.0) + 0.01 * n * (n - 1.0));
        let table = report(&[1, 2, 3, 4, 6, 8].map(|n| (n, law(f64::from(n))))).table();
        assert!(table.contains("σ = 0.1000, κ = 0.010000; it would bend at 9.5 cores"), "{table}");
        assert!(!table.contains("DETERMINE") && !table.contains("Three sizes"), "{table}");
        assert!(report(&[]).table().contains("nothing to fit"));
    }
}

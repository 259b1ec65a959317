//! A bar on the terminal while a run goes on; nothing where nobody looks.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::report::grouped;

const UPDATES_PER_SECOND: u8 = 5;
const STEPS: u64 = 1000;

/// What a run stops at.
#[derive(Clone, Copy)]
pub enum Goal {
    Time(Duration),
    Requests(u64),
}

pub struct Bar {
    bar: ProgressBar,
    goal: Goal,
}

impl Bar {
    pub fn new(goal: Goal) -> Bar {
        let target = if stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(UPDATES_PER_SECOND)
        } else {
            ProgressDrawTarget::hidden()
        };
        let style = ProgressStyle::with_template("{bar:40.cyan/blue} {percent:>3} %  {msg}");
        let style = style.expect("the template is a constant").progress_chars("━╸─");
        let bar = ProgressBar::with_draw_target(Some(STEPS), target).with_style(style);
        Bar { bar, goal }
    }

    pub fn show(&self, elapsed: Duration, requests: u64, errors: u64) {
        if self.bar.is_hidden() {
            return;
        }
        let seconds = elapsed.as_secs_f64();
        let (done, left) = match self.goal {
            Goal::Time(time) => {
                let left = time.saturating_sub(elapsed);
                (seconds / time.as_secs_f64(), format!("{:.0} s left", left.as_secs_f64().ceil()))
            }
            Goal::Requests(goal) => {
                let left = goal.saturating_sub(requests);
                (requests as f64 / goal as f64, format!("{} requests left", grouped(left)))
            }
        };
        let rate = grouped((requests as f64 / seconds.max(1e-9)) as u64);
        let errors = if errors > 0 { format!(", {} errors", grouped(errors)) } else { String::new() };
        self.bar.set_position((done.clamp(0.0, 1.0) * STEPS as f64) as u64);
        self.bar.set_message(format!("{rate} requests/s{errors}, {left}"));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

//! What `-v` says on standard error.

use crate::args::ColorChoice;
use crate::input::Loaded;
use crate::output;
use std::time::Instant;

/// Tells what is done, as much of it as is wanted.
#[derive(Clone, Copy)]
pub struct Voice {
    level: u8,
    color: ColorChoice,
    start: Instant,
}

impl Voice {
    /// Nothing at level 0, what is read and from where at 1, times from 2 on.
    pub fn new(level: u8, color: ColorChoice) -> Self {
        Self {
            level,
            color,
            start: Instant::now(),
        }
    }

    /// Says what is read or done.
    pub fn say(&self, text: &str) {
        if self.level >= 1 {
            output::print_error(text, self.color);
        }
    }

    /// Says that a step is done, and how long it is since the start.
    pub fn step(&self, what: &str) {
        if self.level >= 2 {
            let time = self.start.elapsed().as_secs_f64();
            output::print_error(&format!("{what}: done at {time:.2} s"), self.color);
        }
    }

    /// Says which files were read and what they are.
    pub fn inputs(&self, sides: &[&Loaded]) {
        for side in sides {
            for input in &side.inputs {
                // A command with one input has no sides.
                let role = match sides {
                    [_] => String::new(),
                    _ => format!("{}: ", input.role.as_str()),
                };
                self.say(&format!(
                    "{role}{} is {} ({})",
                    input.path, input.device, input.vendor
                ));
            }
        }
        self.step("reading");
    }
}

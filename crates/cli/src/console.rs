//! What people see: messages on stderr, results on stdout, progress on terminals only.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use medveil_deid::detect::Language;
use serde::Serialize;

use crate::failure::Failure;

/// The language of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Lang {
    /// The language of the locale.
    pub fn of_locale() -> Lang {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        if locale.is_some_and(|locale| locale.starts_with("zh")) { Lang::Zh } else { Lang::En }
    }
}

/// Where a command speaks.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    lang: Lang,
}

impl Console {
    /// Speaks `lang`, or the locale's language.
    pub fn new(lang: Option<Lang>) -> Self {
        Console { lang: lang.unwrap_or_else(Lang::of_locale) }
    }

    /// The language.
    pub fn lang(&self) -> Lang {
        self.lang
    }

    /// The language, as the engine names it.
    pub fn language(&self) -> Language {
        match self.lang {
            Lang::En => Language::En,
            Lang::Zh => Language::Zh,
        }
    }

    /// The text in the language that is spoken.
    pub fn text<'a>(&self, en: &'a str, zh: &'a str) -> &'a str {
        match self.lang {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }

    /// A message, on stderr.
    pub fn note(&self, message: impl std::fmt::Display) {
        // A closed stderr is no reason to fail.
        let _ = writeln!(std::io::stderr(), "{message}");
    }

    /// An error, on stderr.
    pub fn error(&self, failure: &Failure) {
        self.note(format_args!("{}{failure}", self.text("error: ", "错误：")));
    }

    /// A result, on stdout.
    pub fn print(&self, text: impl std::fmt::Display) -> Result<(), Failure> {
        match writeln!(std::io::stdout().lock(), "{text}") {
            // The reader has seen enough, as `head` does.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(Failure::unusable),
        }
    }

    /// A result as one JSON object, on stdout.
    pub fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        self.print(serde_json::to_string_pretty(value).map_err(Failure::unusable)?)
    }

    /// A progress bar over bytes, shown on terminals only.
    pub fn progress(&self, bytes: u64) -> ProgressBar {
        if !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let style =
            ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}");
        let bar = ProgressBar::new(bytes);
        style.into_iter().for_each(|style| bar.set_style(style));
        bar
    }
}

/// A flag that Ctrl-C sets, so that a run stops and leaves nothing half done. A second Ctrl-C ends the process at once.
pub fn interruptible() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    // Without a handler Ctrl-C still ends the process; only the tidying up is lost.
    let _ = ctrlc::set_handler(move || {
        if set.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
    flag
}

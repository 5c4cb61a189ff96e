//! `report.html`: one page, no resource from elsewhere.
//!
//! Both languages are in the page; radio buttons show one of them by CSS alone, so that it also works where scripts are
//! forbidden. A content security policy allows nothing but the style and the script whose hashes it names. Every text that
//! comes from data (names of columns, files and plans) goes through `maud`'s escaping and stands in a `bdi`, so that it can
//! neither add markup nor turn the reading direction of what is around it.

mod chart;
mod figure;
mod generalisation;
mod joined;
mod search;
mod section;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::{Report, SearchReport, Words};
use crate::detect::Language;
use crate::kind::Text;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("language.js");

/// The page of a run.
pub(super) fn page(report: &Report, first: Language) -> String {
    let body = html! {
        (section::head(report))
        (section::done(report))
        (generalisation::section(report))
        (section::risk(report))
        (joined::section(report))
        (section::utility(report))
        (section::evidence(report))
        (section::sign(report))
        (section::sources(report))
    };
    document(&report.plan.name, &body, first)
}

/// The page of a search.
pub(super) fn search_page(report: &SearchReport<'_>, first: Language) -> String {
    document(report.table, &search::body(report), first)
}

fn document(title: &str, body: &Markup, first: Language) -> String {
    let allowed = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        allowed(STYLE),
        allowed(SCRIPT)
    );
    let chinese = first == Language::Zh;
    html! {
        (DOCTYPE)
        html lang=(if chinese { "zh-Hans" } else { "en" }) {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { "Medveil · " (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                input .toggle #lang-zh type="radio" name="language" value="zh-Hans" aria-label="中文" checked[chinese];
                input .toggle #lang-en type="radio" name="language" value="en" aria-label="English" checked[!chinese];
                nav .languages {
                    label for="lang-zh" lang="zh-Hans" { "中文" }
                    label for="lang-en" lang="en" { "English" }
                }
                main { (body) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

/// A text in both languages.
fn say(en: &str, zh: &str) -> Markup {
    html! { span .en lang="en" { (en) } span .zh lang="zh-Hans" { (zh) } }
}

fn text(text: Text) -> Markup {
    say(text.en, text.zh)
}

fn words(words: &Words) -> Markup {
    say(&words.en, &words.zh)
}

/// A name or a code, the same in both languages.
fn name(name: &str) -> Markup {
    html! { bdi .v translate="no" { (name) } }
}

#[cfg(test)]
pub(crate) fn style_and_script() -> (&'static str, &'static str) {
    (STYLE, SCRIPT)
}

//! `report.html`: what was built, on one page that needs no network and no script.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::cards::{card, choose};
use super::chart::histogram;
use super::coverage::{Page, SPLITS, coverage};
use super::html::{Cell, bytes, capped, count, escape, short, table};
use super::quality::{clocks, quality, registration};
use crate::dataset::manifest::Manifest;
use crate::dataset::stats::Stats;
use crate::dataset::survey::{Survey, tracks};
use crate::error::{Quarantine, Result};
use crate::time::Timestamp;

/// Samples that are shown.
const CARDS: usize = 6;
/// What a build knows beside the files that it wrote.
#[derive(Debug, Clone, Copy)]
pub struct BuildFacts<'a> {
    /// What was refused, and why.
    pub quarantine: &'a Quarantine,
    /// Ticks of windows without a frame, by channel: (empty, of all).
    pub empty_ticks: &'a BTreeMap<String, (u64, u64)>,
    /// Anchors without a window, by reason.
    pub dropped_windows: &'a BTreeMap<String, u64>,
    /// What else a reader should know, a sentence each.
    pub notes: &'a [String],
}

/// The report of the data set in `dir`, whose tables and media are there; its manifest need not be on disk yet.
///
/// The same for the same data set. Tables are read a file at a time; of pictures only those shown are decoded.
///
/// # Errors
///
/// [`crate::error::ErrorKind::Damaged`] naming the file that cannot be read.
pub fn report(dir: &Path, manifest: &Manifest, facts: &BuildFacts<'_>) -> Result<String> {
    let survey = Survey::read(dir)?;
    let stats = Stats::of(dir, manifest, &survey)?;
    let pictured: BTreeSet<&str> =
        stats.recordings.iter().filter(|r| r.frames > 0).map(|r| r.recording_id.as_str()).collect();
    let (dataset, samples) = choose(dir, manifest, &survey, &pictured, CARDS)?;
    let recordings = dataset.recordings()?;

    let mut sections = Vec::new();
    if stats.rows.get("samples").copied().unwrap_or(0) == 0 {
        sections.push(
            "<p class=\"warn\">This data set has no samples: no window fits into its recordings.</p>".to_string(),
        );
    }
    if let Some(extent) = manifest.extent {
        let page = Page::around(extent);
        let map = coverage(&page, dataset.map_features()?, &survey, &tracks(dir, page.step_m())?);
        sections.push(section("Coverage", &format!("<figure>{map}</figure>{}", legend(&stats))));
    }
    if !samples.is_empty() {
        let cards = samples.iter().map(|s| card(&dataset, s)).collect::<Result<String>>()?;
        let words = "A few samples that lie far from each other. <code>worldloom show DIR ID</code> draws one in full.";
        sections.push(section("Samples", &format!("<p class=\"muted\">{words}</p><div class=\"cards\">{cards}</div>")));
    }
    let charts: String = stats.histograms.iter().map(histogram).collect();
    sections.push(section("Distributions", &format!("<div class=\"charts\">{charts}</div>")));
    sections.push(section("Synchronisation, gaps and match, by recording", &quality(&survey)));
    sections.push(section("Clocks", &clocks(recordings)));
    sections.push(section("Registration to the map", &registration(recordings)));
    sections.push(section("Channels", &channels(&stats, facts)));
    sections.push(section("Left out", &left_out(facts)));
    sections.push(section("Recordings", &recording_table(&stats)));
    sections.push(section("Map and files", &files(&stats)));
    sections.push(section("Licences and attributions", &licences(manifest, &stats)));
    let config = serde_json::to_string_pretty(&manifest.config).unwrap_or_default();
    let config = format!("<details><summary>with all defaults</summary><pre>{}</pre></details>", escape(&config));
    sections.push(section("Config", &config));

    let name = escape(&manifest.name);
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>{name}: build report</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n{}\n{}\n</body>\n</html>\n",
        include_str!("report.css"),
        head(manifest, &stats),
        sections.join("\n")
    ))
}

fn section(title: &str, body: &str) -> String {
    format!("<section><h2>{}</h2>{body}</section>", escape(title))
}

fn head(manifest: &Manifest, stats: &Stats) -> String {
    let license = manifest.config["dataset"]["license"].as_str().unwrap_or("NOASSERTION");
    let times = match (&stats.times, manifest.times) {
        (_, Some(times)) if !Timestamp::from_ns(times.start_ns).is_date() => "clock of unknown epoch".to_string(),
        (Some([first, last]), _) => format!("{first} to {last}"),
        _ => "no clock".to_string(),
    };
    let extent = stats
        .extent
        .map_or("no extent".to_string(), |e| format!("{:.5}, {:.5} to {:.5}, {:.5}", e.xmin, e.ymin, e.xmax, e.ymax));
    let rows = |table: &str| count(stats.rows.get(table).copied().unwrap_or(0));
    let tiles = [
        ("samples", rows("samples")),
        ("recorded", span(stats.hours)),
        ("of path", length(stats.km)),
        ("observations", rows("frames")),
        ("recordings", rows("recordings")),
        ("on disk", bytes(stats.bytes.values().sum())),
    ];
    let tiles: String =
        tiles.iter().map(|(name, value)| format!("<div><b>{value}</b><span>{name}</span></div>")).collect();
    format!(
        "<header><h1>{}</h1><p class=\"muted\">{} · media, samples and texts {} · {} · {}</p><div class=\"tiles\">{tiles}</div></header>",
        escape(&manifest.name),
        escape(&manifest.code_version),
        escape(license),
        escape(&times),
        escape(&extent)
    )
}

/// Hours in the unit that suits them.
fn span(hours: f64) -> String {
    match hours * 3600.0 {
        0.0 => "no clock".to_string(),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        _ => format!("{} h", short(hours)),
    }
}

/// Kilometres in the unit that suits them.
fn length(km: f64) -> String {
    if km < 1.0 { format!("{:.0} m", km * 1000.0) } else { format!("{} km", short(km)) }
}

/// Samples by split, as the colours of the map and as a bar.
fn legend(stats: &Stats) -> String {
    let whole = stats.splits.values().sum::<u64>().max(1) as f64;
    let (mut entries, mut bar) = (String::new(), String::new());
    for split in SPLITS {
        let Some(n) = stats.splits.get(split.name()).copied() else { continue };
        let (name, share) = (split.name(), 100.0 * n as f64 / whole);
        entries.push_str(&format!("<span><i class=\"{name}\"></i>{name} {} ({share:.1} %)</span>", count(n)));
        bar.push_str(&format!("<b class=\"{name}\" style=\"width:{share:.2}%\" title=\"{name}\"></b>"));
    }
    format!(
        "<div class=\"bar100\">{bar}</div><div class=\"legend\">{entries}<span><i></i>trajectory without samples</span></div>"
    )
}

fn channels(stats: &Stats, facts: &BuildFacts<'_>) -> String {
    let rows: Vec<Vec<Cell>> = stats
        .channels
        .iter()
        .map(|c| {
            let texts = [&c.channel, &c.modality, &c.format].map(|t| Cell::text(t.as_str()));
            texts.into_iter().chain([Cell::count(c.frames), Cell::Number(bytes(c.bytes))]).collect()
        })
        .collect();
    let channels = match rows.is_empty() {
        true => "<p>No sensor but the one that gave positions.</p>".to_string(),
        false => table(&["channel", "modality", "format", "observations", "size"], &rows),
    };
    let empty = facts.empty_ticks.iter().map(|(channel, (empty, all))| {
        let share = 100.0 * *empty as f64 / (*all).max(1) as f64;
        vec![
            Cell::text(channel.as_str()),
            Cell::count(*empty),
            Cell::count(*all),
            Cell::Number(format!("{share:.1} %")),
        ]
    });
    let empty: Vec<Vec<Cell>> = empty.collect();
    match empty.is_empty() {
        true => channels,
        false => format!("{channels}<h3>Empty ticks</h3>{}", table(&["channel", "empty", "ticks", "share"], &empty)),
    }
}

/// Windows that were not cut, records that were refused, and what else there is to say.
fn left_out(facts: &BuildFacts<'_>) -> String {
    let mut html: String = facts.notes.iter().map(|note| format!("<p>{}</p>", escape(note))).collect();
    let dropped = facts.dropped_windows.iter().map(|(why, n)| vec![Cell::text(why.as_str()), Cell::count(*n)]);
    let dropped: Vec<Vec<Cell>> = dropped.collect();
    if !dropped.is_empty() {
        html.push_str("<h3>Anchors without a window</h3>");
        html.push_str(&table(&["reason", "anchors"], &dropped));
    }
    html.push_str("<h3>Records that were refused</h3>");
    if facts.quarantine.is_empty() {
        html.push_str("<p>None.</p>");
        return html;
    }
    let lines = facts.quarantine.lines().into_iter();
    let rows: Vec<Vec<Cell>> = lines
        .map(|line| {
            vec![Cell::text(line.place), Cell::text(line.reason), Cell::count(line.count), Cell::text(line.first)]
        })
        .collect();
    html.push_str(&format!("<p>{} in all.</p>", count(facts.quarantine.total())));
    html.push_str(&capped(&["file or folder", "reason", "records", "the first"], rows));
    html
}

fn recording_table(stats: &Stats) -> String {
    let rows = stats.recordings.iter().map(|r| {
        vec![
            Cell::text(r.recording_id.as_str()),
            Cell::text(r.kind.as_str()),
            Cell::text(r.start.clone().unwrap_or_else(|| "no clock".to_string())),
            Cell::number(r.duration_s),
            Cell::number(Some(r.length_m)),
            Cell::count(r.frames),
            Cell::count(r.samples),
            Cell::text(r.license.as_str()),
        ]
    });
    let names = ["recording", "kind", "start (UTC)", "seconds", "metres", "observations", "samples", "licence"];
    capped(&names, rows.collect())
}

fn files(stats: &Stats) -> String {
    let layers = stats.rows.iter().filter_map(|(t, n)| Some((t.strip_prefix("map/")?, *n))).filter(|(_, n)| *n > 0);
    let layers: Vec<Vec<Cell>> = layers.map(|(layer, n)| vec![Cell::text(layer), Cell::count(n)]).collect();
    let map = match layers.is_empty() {
        true => "<p>No map.</p>".to_string(),
        false => table(&["map layer", "features"], &layers),
    };
    let sizes = stats.bytes.iter().map(|(path, n)| vec![Cell::text(path.as_str()), Cell::Number(bytes(*n))]);
    format!("{map}<h3>On disk</h3>{}", table(&["file or folder", "size"], &sizes.collect::<Vec<_>>()))
}

fn licences(manifest: &Manifest, stats: &Stats) -> String {
    let of_samples = stats.licenses.iter().map(|(license, n)| vec![Cell::text(license.as_str()), Cell::count(*n)]);
    let of_samples: Vec<Vec<Cell>> = of_samples.collect();
    let sources = manifest.sources.iter().map(|s| {
        let attribution = s.attribution.as_deref().unwrap_or("none given");
        let texts = [s.path.as_str(), s.kind.as_str(), s.license.as_str(), attribution].map(Cell::text);
        texts.into_iter().chain([Cell::Number(bytes(s.size))]).collect()
    });
    let names = ["source", "kind", "licence", "attribution", "size"];
    let samples = match of_samples.is_empty() {
        true => String::new(),
        false => table(&["licence", "samples"], &of_samples),
    };
    format!("{samples}<h3>Sources</h3>{}", capped(&names, sources.collect()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::dataset::fixture;
    use crate::error::Location;
    use crate::sample::SampleRow;

    /// The report of a data set of these samples, of whose sources one record was refused.
    fn written(samples: &[SampleRow]) -> String {
        let dir = tempfile::tempdir().expect("a folder");
        fixture::write(dir.path(), samples);
        let manifest = Manifest::read(dir.path()).expect("a manifest");
        std::fs::remove_file(dir.path().join("manifest.json")).expect("removable");
        let mut quarantine = Quarantine::new();
        quarantine.refuse(&Location::line("drives/<a>.gpx", 3), "time goes back");
        let facts = BuildFacts {
            quarantine: &quarantine,
            empty_ticks: &BTreeMap::from([("front".to_string(), (12, 200))]),
            dropped_windows: &BTreeMap::from([("outside the track".to_string(), 7)]),
            notes: &["2 map features occur twice".to_string()],
        };
        report(dir.path(), &manifest, &facts).expect("a report")
    }

    /// Reads the page as XML, which its HTML is too, and returns how often each element occurs.
    fn elements(page: &str) -> BTreeMap<String, usize> {
        let mut reader = quick_xml::Reader::from_str(page);
        reader.config_mut().check_end_names = true;
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            match reader.read_event().expect("well-formed") {
                quick_xml::events::Event::Start(e) | quick_xml::events::Event::Empty(e) => {
                    e.attributes().for_each(|a| drop(a.expect("well-formed attributes")));
                    *count.entry(e.name().as_ref().to_string()).or_default() += 1;
                }
                quick_xml::events::Event::Eof => return count,
                _ => {}
            }
        }
    }

    #[test]
    fn a_report_tells_all_and_loads_nothing() {
        let page = written(&fixture::samples());
        let count = elements(&page);
        for (element, least) in [("svg", 5), ("table", 8), ("img", 6), ("section", 12), ("figure", 8)] {
            assert!(count[element] >= least, "{element}: {}", count[element]);
        }
        for forbidden in ["http://", "https://", "<script", "@import", "url(", "<link"] {
            assert!(!page.contains(forbidden), "the page has {forbidden}");
        }
        assert_eq!(page.matches("src=").count(), page.matches("src=\"data:image/").count());
        for told in
            ["drives/&lt;a&gt;.gpx", "time goes back", "outside the track", "occur twice", "© someone", "ODbL-1.0"]
        {
            assert!(page.contains(told), "the page lacks {told}");
        }
        assert!(page.len() < 2_000_000);
    }

    #[test]
    fn a_report_is_the_same_twice() {
        assert_eq!(written(&fixture::samples()), written(&fixture::samples()));
    }

    #[test]
    fn a_data_set_without_samples_says_so() {
        let page = written(&[]);
        elements(&page);
        assert!(page.contains("This data set has no samples"));
    }
}

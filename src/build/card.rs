//! The data set's card, `README.md`: what it is, whose it is, how to open it.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::dataset::manifest::Manifest;
use crate::time::Timestamp;

use super::finish::Whole;

/// Reasons for leaving something out that are listed one by one.
const LISTED: usize = 50;

/// The text of the card; the same for the same data set.
pub fn card(manifest: &Manifest, whole: &Whole) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_card(&mut text, manifest, whole);
    text
}

fn write_card(text: &mut String, manifest: &Manifest, whole: &Whole) -> std::fmt::Result {
    let license = manifest.config["dataset"]["license"].as_str().unwrap_or("NOASSERTION");
    let count = |table: &str| manifest.counts.get(table).copied().unwrap_or(0);
    writeln!(text, "# {}\n", manifest.name)?;
    writeln!(
        text,
        "{} training samples from {} recordings ({} observations), built by {}.\n",
        count("samples"),
        count("recordings"),
        count("frames"),
        manifest.code_version
    )?;
    if let Some(e) = manifest.extent {
        writeln!(text, "- Extent: {:.5}, {:.5} to {:.5}, {:.5} (lon, lat, WGS84)", e.xmin, e.ymin, e.xmax, e.ymax)?;
    }
    if let Some(t) = manifest.times {
        let (start, end) = (Timestamp::from_ns(t.start_ns).said(), Timestamp::from_ns(t.end_ns).said());
        writeln!(text, "- Times: {start} to {end}")?;
    }
    writeln!(
        text,
        "- Left out: {} records (`report.html` shows what there is, and what is not)",
        whole.quarantine.total()
    )?;
    for (file, reason, refused) in whole.quarantine.iter().take(LISTED) {
        let place = refused.examples.first().map_or(file, String::as_str);
        writeln!(text, "  - {place}: {reason} ({} times)", refused.count)?;
    }
    let more = whole.quarantine.iter().count().saturating_sub(LISTED);
    if more > 0 {
        writeln!(text, "  - and {more} reasons more")?;
    }
    for (reason, n) in &whole.segments.dropped_windows {
        writeln!(text, "- Windows not made into samples: {n}, {reason}")?;
    }
    writeln!(text, "\n## Licence\n")?;
    writeln!(
        text,
        "Media, samples and texts: **{license}**. The map layers in `map/` keep the licence of their source.\n"
    )?;
    writeln!(text, "| source | kind | licence | attribution |\n|---|---|---|---|")?;
    for source in &manifest.sources {
        let attribution = source.attribution.as_deref().unwrap_or("");
        writeln!(text, "| `{}` | {} | {} | {attribution} |", source.path, source.kind, source.license)?;
    }
    let owed: BTreeSet<&str> = manifest.sources.iter().filter_map(|s| s.attribution.as_deref()).collect();
    if !owed.is_empty() {
        writeln!(text, "\nWhoever passes this data on names: {}.", owed.into_iter().collect::<Vec<_>>().join("; "))?;
    }
    writeln!(text, "\n## Opening it\n")?;
    writeln!(
        text,
        "Every table is (Geo)Parquet, every shard a plain tar in WebDataset naming; no special reader is needed:\n"
    )?;
    writeln!(
        text,
        "```python\nimport geopandas\nsamples = geopandas.read_parquet(\"samples\")   # a row a training sample\nframes = geopandas.read_parquet(\"frames\")     # a row a picture, sweep or clip; its bytes lie at shard, offset, length\n```\n"
    )?;
    Ok(())
}

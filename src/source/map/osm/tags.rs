//! What tags say, as numbers with units. Sources: the OSM wiki's pages of the keys.

use super::store::TagList;

/// A length in metres: `3.5`, `3,5`, `3.5 m`, `12 ft`, `12'6"`; `None` where it is none or not above 0.
pub fn metres(text: &str) -> Option<f64> {
    let text = text.trim().replace(',', ".");
    let value = if let Some((feet, inches)) = text.split_once('\'') {
        let inches = inches.trim().trim_end_matches('"').trim();
        let inches = if inches.is_empty() { 0.0 } else { number(inches)? };
        number(feet)? * 0.3048 + inches * 0.0254
    } else if let Some(feet) = text.strip_suffix("ft") {
        number(feet)? * 0.3048
    } else if let Some(km) = text.strip_suffix("km") {
        number(km)? * 1000.0
    } else {
        number(text.strip_suffix('m').unwrap_or(&text))?
    };
    (value > 0.0).then_some(value)
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|v| v.is_finite())
}

/// `width` in metres, where it is believable for a road or stream.
pub fn width_m(tags: &TagList) -> Option<f64> {
    tags.get("width").and_then(metres).filter(|w| *w <= 500.0)
}

/// Height over ground, metres: `height`, else 3 m for each of `building:levels`.
pub fn height_m(tags: &TagList) -> Option<f64> {
    let told = tags.get("height").and_then(metres);
    let levels = || tags.get("building:levels").and_then(number).filter(|l| *l > 0.0).map(|l| l * 3.0);
    told.or_else(levels).filter(|h| *h <= 1000.0)
}

/// Speed limit in km/h: `50`, `50 km/h`, `30 mph`; `None` for `none`, `walk`, `KR:urban` and lists.
pub fn maxspeed_kmh(tags: &TagList) -> Option<f64> {
    speed_kmh(tags.get("maxspeed")?)
}

/// A speed in km/h out of a value of `maxspeed`.
pub fn speed_kmh(text: &str) -> Option<f64> {
    let text = text.trim();
    let value = if let Some(mph) = text.strip_suffix("mph") {
        number(mph)? * 1.609_344
    } else {
        number(text.strip_suffix("km/h").or_else(|| text.strip_suffix("kmh")).unwrap_or(text))?
    };
    (value > 0.0 && value <= 400.0).then_some(value)
}

/// A count of lanes from 1 to 32.
pub fn lanes(tags: &TagList, key: &str) -> Option<i32> {
    tags.get(key)?.trim().parse::<i32>().ok().filter(|n| (1..=32).contains(n))
}

/// `yes`, `no` or `reverse`; motorways and roundabouts are one-way where they do not say otherwise.
pub fn oneway(tags: &TagList) -> &'static str {
    match tags.get("oneway") {
        Some("yes" | "true" | "1") => "yes",
        Some("-1" | "reverse") => "reverse",
        Some("no" | "false" | "0") => "no",
        _ if tags.is("highway", "motorway") => "yes",
        _ if matches!(tags.get("junction"), Some("roundabout" | "circular")) => "yes",
        _ => "no",
    }
}

/// A direction in degrees clockwise from north: degrees, or one of the sixteen points of the compass.
pub fn compass_deg(text: &str) -> Option<f64> {
    const POINTS: [&str; 16] =
        ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"];
    let text = text.trim();
    if let Some(at) = POINTS.iter().position(|p| p.eq_ignore_ascii_case(text)) {
        return Some(at as f64 * 22.5);
    }
    number(text).filter(|d| (-360.0..=720.0).contains(d)).map(|d| d.rem_euclid(360.0))
}

/// Whether a text has Hangul syllables.
pub fn is_hangul(text: &str) -> bool {
    text.chars().any(|c| ('\u{ac00}'..='\u{d7a3}').contains(&c))
}

/// A tag's value, unless it says `no`.
pub fn yes<'a>(tags: &'a TagList, key: &str) -> Option<&'a str> {
    tags.get(key).filter(|v| *v != "no")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_many_units() {
        assert_eq!(metres("3.5"), Some(3.5));
        assert_eq!(metres("3,5 m"), Some(3.5));
        assert!((metres("12'6\"").expect("feet") - 3.81).abs() < 1e-9);
        assert_eq!(metres("narrow"), None);
        assert_eq!(metres("NaN"), None);
        assert_eq!(metres("-2"), None);
    }

    #[test]
    fn directions_are_degrees_from_north() {
        assert_eq!(compass_deg("NE"), Some(45.0));
        assert_eq!(compass_deg("-90"), Some(270.0));
        assert_eq!(compass_deg("forward"), None);
    }
}

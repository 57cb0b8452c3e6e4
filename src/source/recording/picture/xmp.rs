//! XMP's GPano: whether a picture is a panorama, and of how much of the sphere.
//!
//! Source: Google, *Photo Sphere XMP metadata* (namespace `http://ns.google.com/photos/1.0/panorama/`). Values come as
//! elements or as attributes of `rdf:Description`, and with ExtendedXMP in a second document behind the first.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::Remark;
use crate::record::Tilt;

/// What GPano says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Pano {
    projection: Option<String>,
    full: [Option<f64>; 2],
    cropped: [Option<f64>; 2],
    /// Heading of the centre column, degrees clockwise from north; `None` for the 0.0 that cameras write for "unknown".
    pub heading_deg: Option<f64>,
    pitch_deg: Option<f64>,
    roll_deg: Option<f64>,
}

impl Pano {
    /// Whether it says that the picture is an equirectangular panorama, whole or cropped.
    pub(super) fn is_panorama(&self) -> bool {
        self.projection.as_deref().is_some_and(|p| p.eq_ignore_ascii_case("equirectangular"))
    }

    /// Whether a stored picture of this size shows the full sphere.
    pub(super) fn covers_sphere(&self, width: u32, height: u32) -> bool {
        let uncropped = (0..2).all(|i| match (self.full[i], self.cropped[i]) {
            (Some(full), Some(cropped)) => full == cropped,
            _ => true,
        });
        self.is_panorama() && uncropped && u64::from(width) == 2 * u64::from(height)
    }

    /// How the picture lay to gravity, where it says.
    pub(super) fn tilt(&self) -> Option<Tilt> {
        let said = self.pitch_deg.is_some() || self.roll_deg.is_some();
        said.then(|| Tilt { pitch_deg: self.pitch_deg.unwrap_or(0.0), roll_deg: self.roll_deg.unwrap_or(0.0) })
    }

    fn set(&mut self, name: &str, value: &str, remarks: &mut Vec<Remark>) {
        let number = || value.trim().parse::<f64>().ok().filter(|v| v.is_finite());
        match name {
            "ProjectionType" => self.projection = Some(value.trim().to_string()),
            "FullPanoWidthPixels" => self.full[0] = number(),
            "FullPanoHeightPixels" => self.full[1] = number(),
            "CroppedAreaImageWidthPixels" => self.cropped[0] = number(),
            "CroppedAreaImageHeightPixels" => self.cropped[1] = number(),
            "PosePitchDegrees" => match number() {
                Some(pitch) if (-90.0..=90.0).contains(&pitch) => self.pitch_deg = Some(pitch),
                _ => remarks.push(Remark::refused("its GPano pitch is not an angle from -90 to 90")),
            },
            "PoseRollDegrees" => match number() {
                Some(roll) if (-360.0..=360.0).contains(&roll) => self.roll_deg = Some(roll),
                _ => remarks.push(Remark::refused("its GPano roll is not an angle")),
            },
            "PoseHeadingDegrees" => match number() {
                // GoPro and others write 0.0 in every picture whatever the heading.
                Some(0.0) => remarks.push(Remark::note("GPano heading is exactly 0, which cameras write for unknown")),
                Some(heading) if (-360.0..=360.0).contains(&heading) => {
                    self.heading_deg = Some(crate::coord::wrap_degrees(heading));
                }
                _ => remarks.push(Remark::refused("its GPano heading is not an angle")),
            },
            _ => {}
        }
    }
}

/// Reads GPano from the bytes of one or more XMP documents; what is broken in them ends the reading, not the picture.
pub(super) fn read(bytes: &[u8], remarks: &mut Vec<Remark>) -> Pano {
    let mut pano = Pano::default();
    // XMP wants UTF-8; other bytes could only be in fields that are not ours.
    let text = String::from_utf8_lossy(bytes);
    let mut reader = Reader::from_str(&text);
    // Two documents follow each other, so there are two roots, and writers pad and nest as they like.
    reader.config_mut().check_end_names = false;
    let mut inside: Option<String> = None;
    loop {
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) => {
                let qname = element.name();
                inside = local(qname.as_ref()).map(str::to_string);
                for attribute in element.attributes().with_checks(false).flatten() {
                    let Some(name) = local(attribute.key.as_ref()) else { continue };
                    pano.set(name, &attribute.value, remarks);
                }
            }
            Ok(Event::Text(text)) => {
                if let Some(name) = &inside {
                    pano.set(name, &text.into_inner(), remarks);
                }
            }
            Ok(Event::End(_)) => inside = None,
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(_) => {
                remarks.push(Remark::note("its XMP is broken and was read in part"));
                break;
            }
        }
    }
    pano
}

/// The name behind the `GPano:` prefix, which every writer uses.
fn local(name: &str) -> Option<&str> {
    name.strip_prefix("GPano:")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_and_attributes_say_the_same() {
        let elements = "<x:xmpmeta><rdf:Description xmlns:GPano='http://ns.google.com/photos/1.0/panorama/'>\
            <GPano:ProjectionType>equirectangular</GPano:ProjectionType>\
            <GPano:FullPanoWidthPixels>200</GPano:FullPanoWidthPixels>\
            <GPano:CroppedAreaImageWidthPixels>200</GPano:CroppedAreaImageWidthPixels>\
            <GPano:PoseHeadingDegrees>-90.5</GPano:PoseHeadingDegrees></rdf:Description></x:xmpmeta>";
        let attributes = "<x:xmpmeta><rdf:Description GPano:ProjectionType=\"equirectangular\" \
            GPano:FullPanoWidthPixels='200' GPano:CroppedAreaImageWidthPixels='200' \
            GPano:PoseHeadingDegrees='-90.5'/></x:xmpmeta>";
        let mut remarks = Vec::new();
        let pano = read(elements.as_bytes(), &mut remarks);
        assert!(pano.covers_sphere(200, 100) && !pano.covers_sphere(200, 99));
        assert_eq!(pano.heading_deg, Some(269.5));
        assert_eq!(read(attributes.as_bytes(), &mut remarks), pano);
        assert!(remarks.is_empty());
    }

    #[test]
    fn a_crop_is_no_full_sphere_and_a_heading_of_zero_is_none() {
        let text = "<rdf:Description GPano:ProjectionType='equirectangular' GPano:FullPanoWidthPixels='400' \
            GPano:CroppedAreaImageWidthPixels='200' GPano:PoseHeadingDegrees='0.0'/>";
        let mut remarks = Vec::new();
        let pano = read(text.as_bytes(), &mut remarks);
        assert!(pano.is_panorama() && !pano.covers_sphere(200, 100));
        assert_eq!((pano.heading_deg, remarks.len()), (None, 1));
    }

    #[test]
    fn a_tilt_is_read_and_one_that_is_no_angle_refused() {
        let text =
            |pitch: &str| format!("<rdf:Description GPano:PosePitchDegrees='{pitch}' GPano:PoseRollDegrees='-4.5'/>");
        let mut remarks = Vec::new();
        let tilt = read(text("12.5").as_bytes(), &mut remarks).tilt();
        assert_eq!(tilt, Some(Tilt { pitch_deg: 12.5, roll_deg: -4.5 }));
        assert!(remarks.is_empty() && read(b"<a/>", &mut remarks).tilt().is_none());
        let tilt = read(text("91").as_bytes(), &mut remarks).tilt();
        assert_eq!(tilt, Some(Tilt { pitch_deg: 0.0, roll_deg: -4.5 }));
        assert!(remarks.len() == 1 && remarks[0].refused);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, &mut Vec::new());
            let _ = read(&[b"<rdf:Description GPano:Pose", bytes.as_slice()].concat(), &mut Vec::new());
        }
    }
}

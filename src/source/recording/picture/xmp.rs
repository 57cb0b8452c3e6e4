//! XMP's GPano: whether a picture is a panorama, and of how much of the sphere.
//!
//! Source: Google, *Photo Sphere XMP metadata* (namespace `http://ns.google.com/photos/1.0/panorama/`). Values come as
//! elements or as attributes of `rdf:Description`, and with ExtendedXMP in a second document behind the first.

use quick_xml::Reader;
use quick_xml::events::Event;

use std::f64::consts::{PI, TAU};

use super::Remark;
use crate::record::{CameraIntrinsics, CameraModelKind, Tilt};

/// Scales across and down that differ by a smaller share are one.
const ALIKE: f64 = 0.01;

/// What GPano says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Pano {
    projection: Option<String>,
    /// Width and height of the whole sphere, pixels.
    full: [Option<f64>; 2],
    /// Width and height of the picture in it, and the column and row where it begins.
    cropped: [Option<f64>; 2],
    from: [Option<f64>; 2],
    /// Heading of the whole sphere's centre column, degrees clockwise from north; `None` for the 0.0 that cameras write for "unknown".
    pub heading_deg: Option<f64>,
    pitch_deg: Option<f64>,
    roll_deg: Option<f64>,
}

impl Pano {
    /// Whether it says that the picture is a panorama, whole or cropped, of any projection.
    pub(super) fn is_panorama(&self) -> bool {
        self.projection.is_some()
    }

    /// How a stored picture of `[width, height]` pixels sees; `None`, with a remark, where what is said is too little, of
    /// another projection, or cannot be.
    ///
    /// The whole sphere is 360° wide and 180° high; the camera looks where its middle is, be that in the picture or not.
    /// A picture that was made larger or smaller after its numbers were written is at their scale.
    pub(super) fn camera(&self, [width, height]: [u32; 2], remarks: &mut Vec<Remark>) -> Option<CameraIntrinsics> {
        let model = CameraModelKind::Equirectangular;
        let with = |intrinsics: Vec<f64>| CameraIntrinsics { model, width, height, intrinsics, distortion: Vec::new() };
        let mut unused = |why: String| {
            remarks.push(Remark::note(format!("a panorama whose geometry is not used: {why}")));
            None
        };
        let projection = self.projection.as_deref().unwrap_or_default();
        if !projection.eq_ignore_ascii_case("equirectangular") {
            return unused(format!("its GPano projection is `{projection}`, not equirectangular"));
        }
        let is_double = u64::from(width) == 2 * u64::from(height);
        let known = |pair: [Option<f64>; 2]| pair[0].zip(pair[1]).map(|(a, b)| [a, b]);
        let (Some(full), Some(cropped), Some(from)) = (known(self.full), known(self.cropped), known(self.from)) else {
            let uncropped = (0..2).all(|i| {
                let same = self.full[i].zip(self.cropped[i]).is_none_or(|(full, cropped)| full == cropped);
                same && self.from[i].is_none_or(|from| from == 0.0)
            });
            if is_double && uncropped {
                return Some(with(Vec::new()));
            }
            return unused("GPano does not say which part of the sphere it is".to_string());
        };
        let fits = |i: usize| full[i] >= 1.0 && cropped[i] >= 1.0 && from[i] >= 0.0 && from[i] + cropped[i] <= full[i];
        if !(fits(0) && fits(1)) {
            let part = format!("{} x {} pixels from {}, {} on", cropped[0], cropped[1], from[0], from[1]);
            return unused(format!("GPano's part of {part} is not within its whole of {} x {}", full[0], full[1]));
        }
        let scale = [f64::from(width) / cropped[0], f64::from(height) / cropped[1]];
        // Sides are whole pixels: one of rounding, and the smaller a side, the more that is.
        let slack = ALIKE + 1.0 / f64::from(width.min(height));
        if (scale[0] / scale[1] - 1.0).abs() > slack {
            let part = format!("{} x {}", cropped[0], cropped[1]);
            return unused(format!("it has {width} x {height} pixels, GPano's part {part}: not one scale"));
        }
        let doubled = (full[0] / full[1] / 2.0 - 1.0).abs() <= ALIKE;
        if full == cropped && doubled {
            return Some(with(Vec::new()));
        }
        if !doubled {
            if full == cropped {
                return unused(format!("GPano's whole sphere is {} x {}, not twice as wide as high", full[0], full[1]));
            }
            let whole = format!("{} x {}", full[0], full[1]);
            remarks.push(Remark::note(format!("GPano's whole sphere is {whole}, taken as 360 by 180 degrees")));
        }
        let per_rad = [full[0] * scale[0] / TAU, full[1] * scale[1] / PI];
        let middle = [0, 1].map(|i| (0.5 * full[i] - from[i]) * scale[i] - 0.5);
        Some(with(vec![per_rad[0], per_rad[1], middle[0], middle[1]]))
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
            "CroppedAreaLeftPixels" => self.from[0] = number(),
            "CroppedAreaTopPixels" => self.from[1] = number(),
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
    use crate::coord::Camera;
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
        assert!(pano.camera([200, 100], &mut remarks).is_some_and(|c| c.is_sphere()) && remarks.is_empty());
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
        assert_eq!((pano.heading_deg, remarks.len()), (None, 1));
        assert_eq!(pano.camera([200, 100], &mut remarks), None);
        assert!(remarks[1].text.ends_with("GPano does not say which part of the sphere it is"), "{}", remarks[1].text);
    }

    /// GPano of a part `[width, height, left, top]` of a whole `[width, height]`.
    fn part(full: [f64; 2], [w, h, left, top]: [f64; 4]) -> Pano {
        let [x, y] = full;
        let text = format!(
            "<rdf:Description GPano:ProjectionType='equirectangular' GPano:FullPanoWidthPixels='{x}' \
            GPano:FullPanoHeightPixels='{y}' GPano:CroppedAreaImageWidthPixels='{w}' \
            GPano:CroppedAreaImageHeightPixels='{h}' GPano:CroppedAreaLeftPixels='{left}' \
            GPano:CroppedAreaTopPixels='{top}'/>"
        );
        read(text.as_bytes(), &mut Vec::new())
    }

    #[test]
    fn a_part_of_a_panorama_looks_where_it_does_in_the_whole_one_at_any_scale() {
        let pano = part([4000.0, 2000.0], [1600.0, 900.0, 2200.0, 500.0]);
        for (size, scale) in [([1600, 900], 1.0), ([800, 450], 0.5), ([401, 225], 0.25)] {
            let mut remarks = Vec::new();
            let numbers = pano.camera(size, &mut remarks).expect("a part");
            assert!(remarks.is_empty());
            let camera = Camera::new(&numbers).expect("a camera");
            // Column 3000 of the whole looks to the right, row 1000 at the horizon.
            let at = camera.project(nalgebra::Vector3::x()).expect("on the round");
            let want = ((3000.0 - 2200.0) * scale - 0.5, (1000.0 - 500.0) * scale - 0.5);
            assert!((at.0 - want.0).hypot(at.1 - want.1) < 1.1, "{at:?} {want:?}");
            if size[0] == 1600 {
                assert!((at.0 - want.0).hypot(at.1 - want.1) < 1e-9);
            }
            assert!(!camera.wraps());
        }
        // All around, but neither zenith nor nadir.
        let band = part([4000.0, 2000.0], [4000.0, 900.0, 0.0, 500.0]).camera([4000, 900], &mut Vec::new());
        assert!(Camera::new(&band.expect("a band")).expect("a camera").wraps());
        let whole = part([4000.0, 2000.0], [4000.0, 2000.0, 0.0, 0.0]).camera([1000, 500], &mut Vec::new());
        assert!(whole.is_some_and(|c| c.is_sphere()));
    }

    #[test]
    fn numbers_that_cannot_be_leave_a_panorama_without_geometry_and_say_why() {
        let why = |pano: Pano, size: [u32; 2]| {
            let mut remarks = Vec::new();
            let camera = pano.camera(size, &mut remarks);
            (camera.is_some(), remarks.into_iter().map(|r| r.text).collect::<Vec<_>>().join("; "))
        };
        let (used, told) = why(part([4000.0, 2000.0], [1600.0, 900.0, 2500.0, 500.0]), [1600, 900]);
        assert!(!used && told.contains("is not within its whole of 4000 x 2000"), "{told}");
        assert!(!why(part([4000.0, 2000.0], [1600.0, 900.0, -1.0, 500.0]), [1600, 900]).0);
        assert!(!why(part([0.0, 0.0], [0.0, 0.0, 0.0, 0.0]), [1600, 900]).0);
        let (used, told) = why(part([4000.0, 2000.0], [1600.0, 900.0, 0.0, 500.0]), [900, 900]);
        assert!(!used && told.ends_with("it has 900 x 900 pixels, GPano's part 1600 x 900: not one scale"), "{told}");
        // A strip whose writer knows of no sphere; a part of a whole that is not 2:1.
        let (used, told) = why(part([6000.0, 1000.0], [6000.0, 1000.0, 0.0, 0.0]), [6000, 1000]);
        assert!(!used && told.contains("6000 x 1000, not twice as wide as high"), "{told}");
        let (used, told) = why(part([4000.0, 1800.0], [1600.0, 900.0, 0.0, 500.0]), [1600, 900]);
        assert!(used && told.ends_with("taken as 360 by 180 degrees"), "{told}");
        let cylinder = read(b"<rdf:Description GPano:ProjectionType='cylindrical'/>", &mut Vec::new());
        assert!(cylinder.is_panorama());
        let (used, told) = why(cylinder, [200, 100]);
        assert!(!used && told.contains("`cylindrical`, not equirectangular"), "{told}");
        let bare = read(b"<rdf:Description GPano:ProjectionType='equirectangular'/>", &mut Vec::new());
        assert!(!why(bare, [200, 90]).0);
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

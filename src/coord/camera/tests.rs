use proptest::prelude::*;

use super::*;

const BROWN: [f64; 5] = [-0.28, 0.09, 0.0011, -0.0007, -0.012];
const RATIONAL: [f64; 8] = [0.6, -0.11, 0.0004, -0.0003, 0.002, 0.95, 0.05, -0.004];
const FISHEYE: [f64; 4] = [0.021, -0.013, 0.004, -0.0009];

fn intrinsics(model: CameraModelKind, distortion: &[f64]) -> CameraIntrinsics {
    let k = match model {
        CameraModelKind::Pinhole => vec![812.5, 809.75, 641.25, 362.5],
        CameraModelKind::KannalaBrandt => vec![380.5, 381.25, 639.5, 399.5],
        CameraModelKind::Equirectangular => vec![],
    };
    CameraIntrinsics { model, width: 1280, height: 720, intrinsics: k, distortion: distortion.to_vec() }
}

fn camera(model: CameraModelKind, distortion: &[f64]) -> Camera {
    Camera::new(&intrinsics(model, distortion)).expect("a valid camera")
}

fn assert_pixels(camera: &Camera, wanted: [(f64, f64); 4]) {
    let points = [[0.3, -0.2, 1.0], [-1.1, 0.7, 2.0], [0.05, 0.9, 3.0], [1.2, 0.5, 2.5]];
    for (point, want) in points.into_iter().zip(wanted) {
        let got = camera.project(Vector3::from(point)).expect("inside the model");
        assert!((got.0 - want.0).abs() < 1e-9 && (got.1 - want.1).abs() < 1e-9, "{got:?} is not {want:?}");
    }
}

// Goldens: OpenCV 5.0.0, `projectPoints` and `fisheye.projectPoints`, no rotation or translation.

#[test]
fn brown_conrady_agrees_with_opencv() {
    assert_pixels(
        &camera(CameraModelKind::Pinhole, &BROWN),
        [
            (876.208_255_025, 206.457_994_949_8),
            (239.770_362_695_312_43, 617.347_574_275_781_2),
            (654.416_452_811_368, 599.695_513_085_804_9),
            (1_003.951_900_762_772_5, 513.419_003_627_258_9),
        ],
    );
}

#[test]
fn the_rational_model_agrees_with_opencv() {
    assert_pixels(
        &camera(CameraModelKind::Pinhole, &RATIONAL),
        [
            (874.437_929_217_219_6, 207.588_601_657_010_43),
            (250.057_547_320_574_43, 610.670_040_675_017_2),
            (654.362_639_133_163_7, 598.152_636_171_595_6),
            (998.268_475_908_886_1, 510.869_162_811_138_7),
        ],
    );
}

#[test]
fn kannala_brandt_agrees_with_opencv() {
    assert_pixels(
        &camera(CameraModelKind::KannalaBrandt, &FISHEYE),
        [
            (749.312_588_977_780_9, 326.147_306_968_411_8),
            (452.986_176_819_542_6, 518.424_564_714_573_1),
            (645.670_998_918_893_8, 510.796_925_311_193),
            (808.627_195_479_936_5, 470.108_566_882_091_1),
        ],
    );
}

#[test]
fn a_panorama_looks_forward_in_its_middle_and_right_at_three_quarters() {
    let pano = camera(CameraModelKind::Equirectangular, &[]);
    assert_eq!(pano.project(Vector3::z()), Some((639.5, 359.5)));
    assert_eq!(pano.project(Vector3::x()), Some((959.5, 359.5)));
    assert_eq!(pano.project(Vector3::new(0.0, -1.0, 0.0)).map(|p| p.1), Some(-0.5));
    assert_eq!(pano.project(Vector3::zeros()), None);
    assert_eq!(pano.unproject(1280.0, 10.0), None);
}

#[test]
fn a_barrel_lens_ends_where_its_radius_stops_growing() {
    // r (1 - 0.3 r²) grows up to r = 1 / sqrt(0.9).
    let Lens::Brown(lens) = camera(CameraModelKind::Pinhole, &[-0.3, 0.0, 0.0, 0.0]).lens else {
        panic!("a pinhole");
    };
    assert!((lens.radius_max() - 1.0 / 0.9_f64.sqrt()).abs() < 1e-12);
    let barrel = camera(CameraModelKind::Pinhole, &[-0.3, 0.0, 0.0, 0.0]);
    assert!(barrel.project(Vector3::new(1.05, 0.0, 1.0)).is_some());
    // Unchecked, this point would land at 0.3 · f, well inside the picture.
    assert_eq!(barrel.project(Vector3::new(1.7, 0.0, 1.0)), None);
    assert_eq!(barrel.project(Vector3::new(0.0, 0.0, -1.0)), None);
    // 1 - 0.05 θ² · 3 = 0 at θ = 2.58.
    let Lens::KannalaBrandt(lens) = camera(CameraModelKind::KannalaBrandt, &[-0.05, 0.0, 0.0, 0.0]).lens else {
        panic!("a fisheye");
    };
    assert!((lens.theta_max() - (1.0 / 0.15_f64).sqrt()).abs() < 1e-12);
}

#[test]
fn nonsense_is_refused_with_its_reason() {
    let reason = |i: &CameraIntrinsics| Camera::new(i).map(|_| ()).map_err(|e| e.to_string());
    let good = intrinsics(CameraModelKind::Pinhole, &BROWN);
    assert_eq!(reason(&good), Ok(()));
    assert_eq!(
        reason(&intrinsics(CameraModelKind::Pinhole, &[0.1])),
        Err("pinhole takes 0, 4, 5 or 8 distortion coefficients, not 1".into())
    );
    assert_eq!(
        reason(&intrinsics(CameraModelKind::KannalaBrandt, &[0.1, 0.2])),
        Err("kannala_brandt takes 0 or 4 distortion coefficients, not 2".into())
    );
    assert_eq!(
        reason(&CameraIntrinsics { intrinsics: vec![0.0, 1.0, 2.0, 3.0], ..good.clone() }),
        Err("focal lengths are positive, not 0 and 1".into())
    );
    assert_eq!(
        reason(&CameraIntrinsics { intrinsics: vec![f64::NAN, 1.0, 2.0, 3.0], ..good.clone() }),
        Err("an intrinsic or distortion coefficient is not finite".into())
    );
    assert_eq!(reason(&CameraIntrinsics { width: 0, ..good }), Err("the picture has no pixels".into()));
}

/// Coefficients as wide as real lenses have them, and wider.
fn any_camera() -> impl Strategy<Value = Camera> {
    let small = -0.004..0.004_f64;
    let brown = (-0.5..0.5_f64, -0.3..0.3_f64, small.clone(), small, -0.1..0.1_f64)
        .prop_map(|(k1, k2, p1, p2, k3)| (CameraModelKind::Pinhole, vec![k1, k2, p1, p2, k3]));
    let rational = prop::collection::vec(-0.3..0.6_f64, 8).prop_map(|mut k| {
        k[2] *= 0.01;
        k[3] *= 0.01;
        (CameraModelKind::Pinhole, k)
    });
    let fisheye = prop::collection::vec(-0.05..0.05_f64, 4).prop_map(|k| (CameraModelKind::KannalaBrandt, k));
    let panorama = Just((CameraModelKind::Equirectangular, vec![]));
    prop_oneof![brown, rational, fisheye, panorama].prop_map(|(model, distortion)| camera(model, &distortion))
}

/// How far a pixel of `camera` is from the pixel of the ray through it.
fn miss_px(camera: &Camera, (u, v): (f64, f64), ray: Vector3<f64>) -> f64 {
    let Some((u2, v2)) = camera.project(ray) else { return f64::INFINITY };
    let across = (u - u2).abs();
    // The two edges of a panorama are the same direction.
    let across = match camera.model() {
        CameraModelKind::Equirectangular => across.min((f64::from(camera.width()) - across).abs()),
        _ => across,
    };
    across.max((v - v2).abs())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_pixel_with_a_ray_goes_there_and_back(camera in any_camera(), u in -0.5..1279.4_f64, v in -0.4..719.4_f64) {
        if let Some(ray) = camera.unproject(u, v) {
            prop_assert!((ray.norm() - 1.0).abs() < 1e-12);
            let miss = miss_px(&camera, (u, v), ray);
            prop_assert!(miss <= 1e-9, "off by {miss} px");
        }
    }

    #[test]
    fn a_point_that_projects_is_found_again_and_never_folded_back(
        camera in any_camera(), x in -3.0..3.0_f64, y in -3.0..3.0_f64, z in -1.0..3.0_f64,
    ) {
        let point = Vector3::new(x, y, z);
        if let Some((u, v)) = camera.project(point) {
            if let (true, Some(ray)) = (camera.contains((u, v)), camera.unproject(u, v)) {
                prop_assert!(miss_px(&camera, (u, v), ray) <= 1e-9);
            }
            // Further from the axis in the world is further from the centre in the picture.
            if camera.model() == CameraModelKind::KannalaBrandt {
                let centre = (639.5, 399.5);
                let outer = Vector3::new(x * 1.01, y * 1.01, z);
                if let (true, Some(out)) = (z > 0.0, camera.project(outer)) {
                    let r = |(u, v): (f64, f64)| libm::hypot((u - centre.0) / 380.5, (v - centre.1) / 381.25);
                    prop_assert!(r(out) >= r((u, v)));
                }
            }
        }
    }

    #[test]
    fn no_number_makes_a_camera_panic(k in prop::collection::vec(any::<f64>(), 0..10), d in prop::collection::vec(any::<f64>(), 0..10), p in any::<[f64; 3]>()) {
        for model in [CameraModelKind::Pinhole, CameraModelKind::KannalaBrandt, CameraModelKind::Equirectangular] {
            let numbers = CameraIntrinsics { model, width: 64, height: 32, intrinsics: k.clone(), distortion: d.clone() };
            if let Ok(camera) = Camera::new(&numbers) {
                let _ = camera.project(Vector3::from(p));
                let _ = camera.unproject(p[0], p[1]);
            }
        }
    }
}

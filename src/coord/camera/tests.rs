use proptest::prelude::*;

use super::*;

const BROWN: [f64; 5] = [-0.28, 0.09, 0.0011, -0.0007, -0.012];
const RATIONAL: [f64; 8] = [0.6, -0.11, 0.0004, -0.0003, 0.002, 0.95, 0.05, -0.004];
const FISHEYE: [f64; 4] = [0.021, -0.013, 0.004, -0.0009];

fn intrinsics(model: CameraModelKind, distortion: &[f64]) -> CameraIntrinsics {
    let k = match model {
        CameraModelKind::Pinhole => vec![812.5, 809.75, 641.25, 362.5],
        CameraModelKind::KannalaBrandt => vec![380.5, 381.25, 639.5, 399.5],
        CameraModelKind::Mei => vec![1012.5, 1009.75, 639.5, 362.25],
        CameraModelKind::Ftheta => vec![1.0, 1.0, 639.5, 362.25],
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

// Goldens: the closed forms in numpy, `ftheta`'s inverse by scipy's `brentq`.

const MEI: [f64; 5] = [2.2134, 0.0168, 1.6549, 0.00042, -0.0003];
const FORWARD: [f64; 6] = [0.0, 473.6, -9.59, 24.95, -42.34, 15.14];
/// The same lens by NCore's example, with its linear term `[c, d; e, 1]`: the shear is `[d / c, e]`.
const BACKWARD: [f64; 10] = [
    0.0,
    2.1087e-3,
    1.4248e-7,
    -8.0648e-10,
    2.4851e-12,
    -1.7939e-15,
    1.0,
    6.279_601_654_509_085e-5,
    -0.000_100_617_558_928_208_56,
    1.346,
];

#[test]
fn mei_agrees_with_the_closed_form() {
    assert_pixels(
        &camera(CameraModelKind::Mei, &MEI),
        [
            (730.118_586_912_881_9, 302.004_260_648_516_27),
            (486.227_268_209_350_36, 459.529_688_191_099_3),
            (644.595_561_960_357_6, 453.769_389_356_450_8),
            (778.718_058_978_938_5, 420.112_157_006_277_64),
        ],
    );
}

#[test]
fn ftheta_agrees_with_the_closed_form_in_both_directions() {
    assert_pixels(
        &camera(CameraModelKind::Ftheta, &FORWARD),
        [
            (775.324_985_431_711_4, 271.700_009_712_192_35),
            (410.464_504_714_841_6, 507.999_860_636_009_8),
            (647.141_721_074_955_9, 499.800_979_349_205_8),
            (847.922_890_626_524_1, 449.092_871_094_385_03),
        ],
    );
    let whole = intrinsics(CameraModelKind::Ftheta, &BACKWARD);
    let sheared = CameraIntrinsics { intrinsics: vec![0.999_757_051_467_895_5, 1.0, 639.5, 362.25], ..whole };
    assert_pixels(
        &Camera::new(&sheared).expect("a camera"),
        [
            (775.276_397_923_437_6, 271.692_949_031_708_45),
            (410.513_470_775_178_7, 508.032_982_476_209_7),
            (647.147_939_548_595_3, 499.790_129_799_665_1),
            (847.880_373_596_491_5, 449.073_011_291_054_23),
        ],
    );
}

#[test]
fn a_part_of_a_panorama_sees_what_that_part_of_the_whole_one_does() {
    let whole = camera(CameraModelKind::Equirectangular, &[]);
    for [left, top, width, height] in [[100, 50, 300, 200], [900, 0, 380, 720], [0, 360, 1280, 360], [639, 1, 1, 2]] {
        let numbers = whole.intrinsics().cropped(left, top, width, height).expect("inside");
        let part = Camera::new(&numbers).expect("a camera");
        assert_eq!(part.wraps(), width == 1280);
        for (u, v) in [(0.0, 0.0), (0.3, 0.7), (0.99, 0.2)] {
            let (u, v) = (u * f64::from(width - 1), v * f64::from(height - 1));
            let ray = part.unproject(u, v).expect("on the picture");
            let same = whole.unproject(u + f64::from(left), v + f64::from(top)).expect("on the picture");
            assert!((ray - same).norm() < 1e-12);
            let found = part.project(same * 7.0).expect("seen");
            assert!((found.0 - u).hypot(found.1 - v) < 1e-9);
        }
        let small = Camera::new(&numbers.resized(width.div_ceil(2), height.div_ceil(2))).expect("a camera");
        let corner = |camera: &Camera| camera.unproject(-0.5, -0.5).expect("a corner");
        assert!((corner(&small) - corner(&part)).norm() < 1e-12);
        assert!((small.middle_rad() - part.middle_rad()).abs() < 1e-12);
    }
    // What the part does not show is beside it, at the nearer side.
    let part = Camera::new(&whole.intrinsics().cropped(1000, 300, 200, 100).expect("inside")).expect("a camera");
    let beside = |column: f64| part.project(whole.unproject(column, 360.0).expect("a ray")).expect("a pixel").0;
    assert!((beside(990.0) + 10.0).abs() < 1e-9 && (beside(10.0) - 290.0).abs() < 1e-9);
    assert!(!part.contains(part.project(Vector3::z()).expect("a pixel")));
    assert_eq!((part.unproject(-0.6, 3.0), part.unproject(3.0, 100.0)), (None, None));
}

#[test]
fn a_panorama_of_more_than_there_is_is_refused() {
    let refused = |width, height, k: [f64; 4]| {
        let model = CameraModelKind::Equirectangular;
        let numbers = CameraIntrinsics { model, width, height, intrinsics: k.to_vec(), distortion: vec![] };
        Camera::new(&numbers).err().map(|e| e.reason)
    };
    assert_eq!(refused(628, 200, [100.0, 100.0, 0.0, 99.5]), None);
    let wide = refused(640, 200, [100.0, 100.0, 319.5, 99.5]).expect("refused");
    assert!(wide.starts_with("the panorama is 366.69"), "{wide}");
    let high = refused(300, 200, [100.0, 100.0, 149.5, 160.0]).expect("refused");
    assert!(high.starts_with("the panorama reaches beyond a pole: of 314.2 rows"), "{high}");
}

#[test]
fn mei_ends_where_its_radius_turns_back_or_is_infinite() {
    // At ξ = 2 the radius grows up to the angle whose cosine is -1/2, at ξ = 0.5 to the one at which it is infinite.
    for (xi, end_deg) in [(2.0, 120.0), (0.5, 120.0), (1.0, 180.0), (0.0, 90.0)] {
        let mei = camera(CameraModelKind::Mei, &[xi, 0.0, 0.0, 0.0, 0.0]);
        let seen = |deg: f64| mei.project(Vector3::new(deg.to_radians().sin(), 0.0, deg.to_radians().cos()));
        let radius = |deg: f64| seen(deg).map(|(u, _)| u);
        assert!(radius(end_deg - 0.1) > radius(end_deg - 1.0), "{xi}");
        assert!(end_deg == 180.0 || seen(end_deg + 0.1).is_none() && seen(179.9).is_none(), "{xi}");
    }
    // Beyond the largest radius of ξ = 2, 1/√3, there are no rays.
    let mei = camera(CameraModelKind::Mei, &[2.0]);
    let end = 639.5 + 1012.5 / 3.0_f64.sqrt();
    assert!(mei.unproject(end - 0.01, 362.25).is_some() && mei.unproject(end + 0.01, 362.25).is_none());
}

#[test]
fn ftheta_ends_where_its_polynomial_does_or_its_angle_is_reached() {
    let seen = |camera: &Camera, deg: f64| {
        camera.project(Vector3::new(deg.to_radians().sin(), 0.0, deg.to_radians().cos())).is_some()
    };
    // r = 500 θ - 100 θ³ rises up to θ = √(5/3), 73.98°.
    let forward = camera(CameraModelKind::Ftheta, &[0.0, 500.0, 0.0, -100.0]);
    assert!(seen(&forward, 73.9) && !seen(&forward, 74.1) && !seen(&forward, 180.0));
    assert!(forward.unproject(639.5 + 430.0, 362.25).is_some() && forward.unproject(639.5 + 431.0, 362.25).is_none());
    // θ = 0.002 r - 1e-9 r³ rises up to r = 816.5, where it is 62.38°; with an angle of its own it ends before.
    let of = |angle: f64| camera(CameraModelKind::Ftheta, &[0.0, 0.002, 0.0, -1e-9, 0.0, 0.0, 1.0, 0.0, 0.0, angle]);
    let (whole, narrow) = (of(0.0), of(1.0));
    assert!(seen(&whole, 62.3) && !seen(&whole, 62.5) && seen(&narrow, 57.2) && !seen(&narrow, 57.4));
    // One that rises for ever ends at straight behind.
    let linear = camera(CameraModelKind::Ftheta, &[0.0, 0.002, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    assert!(seen(&linear, 179.9) && linear.unproject(639.5 + 1570.0, 362.25).is_some());
    assert_eq!(linear.unproject(639.5 + 1571.0, 362.25), None);
}

#[test]
fn a_crop_and_a_resize_of_any_camera_look_where_the_whole_picture_does() {
    let sheared = {
        let mut k = BACKWARD;
        (k[7], k[8]) = (0.03, -0.02);
        k
    };
    let cameras = [
        camera(CameraModelKind::Pinhole, &BROWN),
        camera(CameraModelKind::KannalaBrandt, &FISHEYE),
        camera(CameraModelKind::Mei, &MEI),
        camera(CameraModelKind::Ftheta, &FORWARD),
        camera(CameraModelKind::Ftheta, &sheared),
        camera(CameraModelKind::Equirectangular, &[]),
    ];
    for whole in &cameras {
        let part = whole.intrinsics().cropped(320, 60, 640, 600).expect("inside").resized(160, 300);
        let part = Camera::new(&part).expect("a camera");
        for (u, v) in [(0.0, 0.0), (79.5, 149.5), (150.0, 20.0), (3.0, 280.0)] {
            let (whole_u, whole_v) = ((u + 0.5) * 4.0 - 0.5 + 320.0, (v + 0.5) * 2.0 - 0.5 + 60.0);
            let (a, b) = (part.unproject(u, v).expect("a ray"), whole.unproject(whole_u, whole_v).expect("a ray"));
            assert!((a - b).norm() < 1e-12, "{:?}", whole.model());
        }
    }
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
    let mei = |k: &[f64]| reason(&intrinsics(CameraModelKind::Mei, k)).expect_err("no camera");
    assert_eq!(mei(&[]), "mei takes 1 or 5 distortion coefficients (xi, k1, k2, p1, p2), not 0");
    assert_eq!(mei(&[-0.1]), "mei's xi is not negative, as -0.1 is");
    let ftheta = |k: &[f64]| reason(&intrinsics(CameraModelKind::Ftheta, k)).expect_err("no camera");
    assert!(ftheta(&[0.0]).starts_with("ftheta takes 2 to 6 distortion coefficients"), "{}", ftheta(&[0.0]));
    assert_eq!(ftheta(&[3.0, 400.0]), "ftheta's polynomial is 0 on the axis: its first coefficient is 0, not 3");
    let falls = "ftheta's polynomial does not rise from the axis: its second coefficient is";
    assert_eq!(ftheta(&[0.0, -400.0]), format!("{falls} -400"));
    let long = |tail: [f64; 4]| ftheta(&[&BACKWARD[..6], &tail].concat());
    assert_eq!(long([0.5, 0.0, 0.0, 0.0]), "ftheta's `backward` is 0 or 1, not 0.5");
    assert_eq!(long([1.0, 2.0, 0.5, 0.0]), "ftheta's shear of 2 and 0.5 turns the picture over");
    assert_eq!(long([1.0, 0.0, 0.0, 9.0]), "ftheta's `max_angle` is 0 to 3.1416 radians, not 9");
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
    let mei = (0.0..2.5_f64, -0.3..0.3_f64, -0.5..0.5_f64, -0.003..0.003_f64, -0.003..0.003_f64)
        .prop_map(|(xi, k1, k2, p1, p2)| (CameraModelKind::Mei, vec![xi, k1, k2, p1, p2]));
    let forward = (300.0..700.0_f64, prop::collection::vec(-40.0..40.0_f64, 4))
        .prop_map(|(k1, k)| (CameraModelKind::Ftheta, [&[0.0, k1], k.as_slice()].concat()));
    let shear = -0.02..0.02_f64;
    let backward = (1.5e-3..3e-3_f64, prop::collection::vec(-1.0..1.0_f64, 4), shear.clone(), shear, 0.0..3.0_f64)
        .prop_map(|(k1, k, d, e, widest)| {
            let poly = [0.0, k1, k[0] * 1e-7, k[1] * 1e-9, k[2] * 1e-12, k[3] * 1e-15];
            (CameraModelKind::Ftheta, [poly.as_slice(), &[1.0, d, e, widest]].concat())
        });
    let panorama = Just((CameraModelKind::Equirectangular, vec![]));
    let whole = prop_oneof![brown, rational, fisheye, mei, forward, backward, panorama]
        .prop_map(|(model, distortion)| camera(model, &distortion));
    let part = (60.0..203.0_f64, 60.0..220.0_f64, -3000.0..3000.0_f64, 0.0..1.0_f64).prop_map(|(fx, fy, cx, share)| {
        let [width, height] = [1280.0_f64.min(fx * 6.2).floor(), 720.0_f64.min(fy * 3.1).floor()];
        let cy = 0.5 * std::f64::consts::PI * fy - 0.5 - share * (std::f64::consts::PI * fy - height);
        Camera::new(&CameraIntrinsics {
            model: CameraModelKind::Equirectangular,
            width: width as u32,
            height: height as u32,
            intrinsics: vec![fx, fy, cx, cy],
            distortion: vec![],
        })
        .expect("a valid camera")
    });
    prop_oneof![4 => whole, 1 => part]
}

/// How far a pixel of `camera` is from the pixel of the ray through it.
fn miss_px(camera: &Camera, (u, v): (f64, f64), ray: Vector3<f64>) -> f64 {
    let Some((u2, v2)) = camera.project(ray) else { return f64::INFINITY };
    let across = (u - u2).abs();
    // The two edges of a panorama are the same direction.
    let across = camera.turn_px().map_or(across, |turn| across.min((turn - across).abs()));
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
        for model in CameraModelKind::ALL {
            let numbers = CameraIntrinsics { model, width: 64, height: 32, intrinsics: k.clone(), distortion: d.clone() };
            if let Ok(camera) = Camera::new(&numbers) {
                let _ = camera.project(Vector3::from(p));
                let _ = camera.unproject(p[0], p[1]);
            }
        }
    }
}

#[test]
fn a_panorama_resized_is_what_it_was() {
    for (width, height, f) in [(1000, 500, 159.1), (628, 314, 100.0), (5756, 2000, 916.7), (5740, 2000, 916.7)] {
        let intrinsics = vec![f, f, f64::from(width) / 2.0 - 0.5, f64::from(height) / 2.0 - 0.5];
        let model = CameraModelKind::Equirectangular;
        let whole = CameraIntrinsics { model, width, height, intrinsics, distortion: vec![] };
        let wraps = Camera::new(&whole).expect("a panorama").wraps();
        for (times, by) in [(4, 1), (1, 9), (1, 2)] {
            let resized = Camera::new(&whole.resized(width * times / by, height * times / by)).expect("the same");
            assert_eq!(resized.wraps(), wraps, "{width} x {times} / {by}");
        }
        assert_eq!(wraps, width != 5740);
    }
}

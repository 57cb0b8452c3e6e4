//! What the filter estimates, and how it moves and is measured.

use nalgebra::{Matrix3, SVector, UnitQuaternion, Vector3};

use super::super::kalman::{Drift, Row, Transition};
use super::preintegrate::{Stretch, exp, log};

/// Errors that are estimated.
pub(super) const N: usize = 29;
/// Those of the moving part: position, velocity and attitude, moved by themselves and the two biases.
pub(super) const M: usize = 9;
/// States that move others.
pub(super) const C: usize = 15;
/// Position of the IMU, velocity, attitude (right, in the body's axes).
pub(super) const P: usize = 0;
pub(super) const V: usize = 3;
pub(super) const T: usize = 6;
/// Gyro and accelerometer bias.
pub(super) const BG: usize = 9;
pub(super) const BA: usize = 12;
/// Slow GNSS error per axis, in units of its sigma.
pub(super) const U: usize = 15;
/// Relative scale of the wheels.
pub(super) const SCALE: usize = 18;
/// What is to be added to the times of the IMU and of the wheels, seconds.
pub(super) const TI: usize = 19;
pub(super) const TW: usize = 20;
/// Yaw and pitch of the direction of travel against the IMU's axes as mounted.
pub(super) const YAW: usize = 21;
pub(super) const PITCH: usize = 22;
/// Antenna ahead and to the left of where the calibration has it, metres.
pub(super) const LEVER: usize = 23;
/// Drift of the two clocks, microseconds a second.
pub(super) const DI: usize = 25;
pub(super) const DW: usize = 26;
/// By how much the receiver's velocity lags behind its position, seconds.
pub(super) const LATE: usize = 28;
/// The ego's origin ahead of the point that does not slide (the rear axle), metres.
pub(super) const AHEAD: usize = 27;

pub(super) type Step = (Transition<N, M, C>, Drift<N, M>);

/// The moving part at one node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nav {
    /// Position of the IMU, ENU metres.
    pub p: Vector3<f64>,
    /// Its velocity, m/s.
    pub v: Vector3<f64>,
    /// From the body's axes to ENU.
    pub q: UnitQuaternion<f64>,
    /// Gyro bias, rad/s.
    pub bg: Vector3<f64>,
    /// Accelerometer bias, m/s².
    pub ba: Vector3<f64>,
    /// Slow GNSS error in units of its sigma.
    pub u: Vector3<f64>,
}

/// What does not change over a drive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shared {
    /// Wheel speed over true speed, less 1.
    pub scale: f64,
    /// To be added to the IMU's and the wheels' times in the middle of the drive, seconds.
    pub imu_s: f64,
    pub wheel_s: f64,
    /// Their drift, microseconds a second.
    pub imu_ppm: f64,
    pub wheel_ppm: f64,
    /// Direction of travel against the body's axes: about up, about left, radians.
    pub yaw: f64,
    pub pitch: f64,
    /// The antenna from the IMU, body axes, metres.
    pub antenna: Vector3<f64>,
    /// The IMU from the ego's origin, body axes, metres.
    pub imu: Vector3<f64>,
    /// The ego's origin ahead of the rear axle, metres.
    pub ahead: f64,
    /// By how much the receiver's velocity lags behind its position, seconds.
    pub late_s: f64,
}

impl Shared {
    /// The IMU from the rear axle, body axes, metres.
    pub fn imu_past_axle(&self) -> Vector3<f64> {
        self.imu + Vector3::new(self.ahead, 0.0, 0.0)
    }

    /// From axes along the direction of travel to the body's.
    pub fn body_r_travel(&self) -> UnitQuaternion<f64> {
        exp(Vector3::new(0.0, self.pitch, self.yaw))
    }
}

/// Densities of the noise that moves the errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    /// Gyro, rad/s/√Hz.
    pub gyro: f64,
    /// Accelerometer, m/s²/√Hz.
    pub accel: f64,
    /// Walk of the gyro bias per axis, rad/s/√s.
    pub gyro_walk: Vector3<f64>,
    /// Walk of the accelerometer bias per axis, m/s²/√s.
    pub accel_walk: Vector3<f64>,
    /// Correlation time of the slow GNSS error, seconds.
    pub tau_s: f64,
}

/// Density of what the ego may do while no IMU tells, m²/s³ on the ground and up, rad²/s about up and across.
const BLIND: [f64; 4] = [2.0, 0.05, 0.05, 1e-4];

pub(super) fn skew(v: Vector3<f64>) -> Matrix3<f64> {
    Matrix3::new(0.0, -v.z, v.y, v.z, 0.0, -v.x, -v.y, v.x, 0.0)
}

/// Gravity at a place of the ENU frame whose origin lies at a latitude and height: GRS 80's normal gravity (Somigliana,
/// with the free-air gradient), pointing to the ground *there*.
pub(super) fn gravity(lat_deg: f64, height_m: f64, at: Vector3<f64>) -> Vector3<f64> {
    const EARTH_M: f64 = 6_371_000.0;
    let s2 = libm::sin(lat_deg.to_radians()).powi(2);
    let g = 9.780_326_771_5 * (1.0 + 0.001_931_851_353 * s2) / (1.0 - 0.006_694_380_023 * s2).sqrt()
        - 3.086e-6 * (height_m + at.z);
    let up = Vector3::new(at.x / EARTH_M, at.y / EARTH_M, 1.0);
    up * (-g / up.norm())
}

/// The step of the errors from one node to the next.
pub(super) fn step(a: &Nav, b: &Nav, s: &Stretch, g: Vector3<f64>, noise: &Noise) -> Step {
    let mut out = Transition::<N, M, C>::still();
    let mut drift = Drift::<N, M>::none();
    let dt = s.dt;
    let r = a.q.to_rotation_matrix().into_inner();
    let mut put = |i: usize, j: usize, m: Matrix3<f64>| out.head.fixed_view_mut::<3, 3>(i, j).copy_from(&m);
    let identity = Matrix3::identity();
    put(P, V, identity * dt);
    let (p, v, q);
    if s.covered {
        put(P, T, -r * skew(s.dp));
        put(V, T, -r * skew(s.dv));
        put(T, T, s.turn.to_rotation_matrix().into_inner().transpose());
        // The turn since the bias acted, halved: right to first order.
        let half = skew(s.rate * (0.5 * dt));
        put(T, BG, (half - identity) * dt);
        put(V, BG, r * skew(s.dv) * (0.5 * dt));
        put(P, BG, r * skew(s.dv) * (dt * dt / 6.0));
        put(V, BA, -r * (identity + half) * dt);
        put(P, BA, -r * (0.5 * dt * dt));
        p = a.p + a.v * dt + g * (0.5 * dt * dt) + r * s.dp;
        v = a.v + g * dt + r * s.dv;
        q = a.q * s.turn;
    } else {
        (p, v, q) = (a.p + a.v * dt, a.v, a.q);
    }
    let (turn, force) = match s.covered {
        true => (Vector3::repeat(noise.gyro * noise.gyro), Vector3::repeat(noise.accel * noise.accel)),
        // Turning needs speed: a wheel's angle is bounded.
        false => {
            let about_up = BLIND[2] * (a.v.norm() / 10.0).min(1.0) + 1e-8;
            (Vector3::new(BLIND[3], BLIND[3], about_up), Vector3::new(BLIND[0], BLIND[0], BLIND[1]))
        }
    };
    let keep = libm::exp(-dt / noise.tau_s);
    for k in 0..3 {
        drift.noise[(T + k, T + k)] = turn[k] * dt;
        drift.noise[(V + k, V + k)] = force[k] * dt;
        drift.noise[(P + k, P + k)] = force[k] * dt * dt * dt / 3.0;
        drift.noise[(P + k, V + k)] = force[k] * dt * dt / 2.0;
        drift.noise[(V + k, P + k)] = force[k] * dt * dt / 2.0;
        drift.renew[BG + k] = noise.gyro_walk[k] * noise.gyro_walk[k] * dt;
        drift.renew[BA + k] = noise.accel_walk[k] * noise.accel_walk[k] * dt;
        out.keep[U + k] = keep;
        drift.renew[U + k] = 1.0 - keep * keep;
    }
    let mut drive = |i: usize, d: Vector3<f64>| drift.drive.fixed_rows_mut::<3>(i).copy_from(&d);
    drive(P, p - b.p);
    drive(V, v - b.v);
    drive(T, log(&(b.q.inverse() * q)));
    drive(BG, a.bg - b.bg);
    drive(BA, a.ba - b.ba);
    drive(U, a.u * keep - b.u);
    (out, drift)
}

impl Nav {
    /// The state with its errors taken out.
    pub fn corrected(&self, e: &SVector<f64, N>) -> Nav {
        let at = |i: usize| Vector3::new(e[i], e[i + 1], e[i + 2]);
        Nav {
            p: self.p + at(P),
            v: self.v + at(V),
            q: self.q * exp(at(T)),
            bg: self.bg + at(BG),
            ba: self.ba + at(BA),
            u: self.u + at(U),
        }
    }

    /// Velocity of the rear axle in the axes of travel at an angular rate of the body, m/s.
    pub fn axle_velocity(&self, shared: &Shared, rate: Vector3<f64>) -> Vector3<f64> {
        shared.body_r_travel().inverse() * (self.q.inverse() * self.v - rate.cross(&shared.imu_past_axle()))
    }
}

impl Shared {
    /// The same with its errors taken out.
    pub fn corrected(&self, e: &SVector<f64, N>) -> Shared {
        Shared {
            scale: self.scale + e[SCALE],
            imu_s: self.imu_s + e[TI],
            wheel_s: self.wheel_s + e[TW],
            imu_ppm: self.imu_ppm + e[DI],
            wheel_ppm: self.wheel_ppm + e[DW],
            yaw: self.yaw + e[YAW],
            pitch: self.pitch + e[PITCH],
            antenna: self.antenna + Vector3::new(e[LEVER], e[LEVER + 1], 0.0),
            imu: self.imu,
            ahead: self.ahead + e[AHEAD],
            late_s: self.late_s + e[LATE],
        }
    }
}

/// A node at which things are measured: the state there and its motion.
pub(super) struct Moment<'a> {
    pub nav: &'a Nav,
    pub shared: &'a Shared,
    /// `enu_r_body`.
    pub r: Matrix3<f64>,
    /// Angular rate without bias, body axes.
    pub rate: Vector3<f64>,
    /// Acceleration in ENU, m/s².
    pub acceleration: Vector3<f64>,
    /// Seconds since the middle of the drive, for drifts.
    pub since_middle_s: f64,
}

/// A measurement: its derivative, and what it should be.
pub(super) struct Expected {
    pub row: Row,
    pub value: f64,
}

impl Moment<'_> {
    /// The state so many seconds before.
    pub fn earlier(&self, by_s: f64) -> Nav {
        let Nav { p, v, q, .. } = *self.nav;
        Nav { p: p - v * by_s, v: v - self.acceleration * by_s, q: q * exp(self.rate * -by_s), ..*self.nav }
    }

    /// The row with a later IMU clock: what is measured happened so much earlier on it.
    fn clocked(&self, row: Row, change_per_s: f64) -> Row {
        row.with(TI, -change_per_s).with(DI, -change_per_s * self.since_middle_s * 1e-6)
    }

    /// Position of the antenna along an axis of ENU, with the slow error of the receiver at its sigma.
    pub fn position(&self, axis: usize, slow_m: f64) -> Expected {
        let Moment { nav, shared, r, rate, .. } = self;
        let turn = -r * skew(shared.antenna);
        let velocity = nav.v + r * rate.cross(&shared.antenna);
        let row = Row::new().with(P + axis, 1.0).with3(T, turn.row(axis).transpose()).with(U + axis, slow_m);
        let row = row.with(LEVER, r[(axis, 0)]).with(LEVER + 1, r[(axis, 1)]);
        Expected {
            row: self.clocked(row, velocity[axis]),
            value: nav.p[axis] + (r * shared.antenna)[axis] + slow_m * nav.u[axis],
        }
    }

    /// Velocity of the antenna along a direction of ENU.
    pub fn velocity_along(&self, direction: Vector3<f64>) -> Expected {
        let Moment { nav, shared, r, rate, .. } = self;
        let swing = rate.cross(&shared.antenna);
        let turn = -r * skew(swing);
        let bias = r * skew(shared.antenna);
        let row = Row::new().with3(V, direction);
        let row = row.with3(T, turn.transpose() * direction).with3(BG, bias.transpose() * direction);
        // What the antenna swings by grows with how far out it sits.
        let swung = |axis: Vector3<f64>| (r * rate.cross(&axis)).dot(&direction);
        let row = row.with(LEVER, swung(Vector3::x())).with(LEVER + 1, swung(Vector3::y()));
        let change = self.acceleration.dot(&direction);
        Expected {
            row: self.clocked(row.with(LATE, -change), change),
            value: (nav.v + r * swing).dot(&direction) - change * shared.late_s,
        }
    }

    /// Velocity of the rear axle along an axis of travel: 0 forward, 1 left, 2 up.
    pub fn axle_velocity(&self, axis: usize) -> Expected {
        let Moment { nav, shared, r, .. } = self;
        let rate = Vector3::new(0.0, 0.0, self.rate.z);
        let across = r.transpose() * nav.v;
        let body = across - rate.cross(&shared.imu_past_axle());
        let mount = shared.body_r_travel().to_rotation_matrix().into_inner();
        // Axis of the ego in the body.
        let axis_b: Vector3<f64> = mount.column(axis).into_owned();
        let row = Row::new().with3(V, r * axis_b);
        let row = row.with3(T, skew(across).transpose() * axis_b);
        let row = row.with(BG + 2, axis_b.dot(&Vector3::z().cross(&shared.imu_past_axle())));
        let ego = mount.transpose() * body;
        // The ego's velocity seen from axes turned on by a small angle.
        let (yaw, pitch) = match axis {
            0 => (ego.y, -ego.z),
            1 => (-ego.x, 0.0),
            _ => (0.0, ego.x),
        };
        // On its springs the body nods about no fixed point: only turns about up tell where the axle is.
        let ahead = if axis == 1 { axis_b.dot(&rate.cross(&Vector3::x())) } else { 0.0 };
        Expected { row: row.with(YAW, yaw).with(PITCH, pitch).with(AHEAD, -ahead), value: ego[axis] }
    }

    /// What the wheels say `late_s` after the node, on their clock as corrected so far.
    pub fn wheel(&self, late_s: f64) -> Expected {
        let forward = self.axle_velocity(0);
        let gain = 1.0 + self.shared.scale;
        let speed_up = (self.r.transpose() * self.acceleration).x;
        let speed = forward.value + speed_up * late_s;
        let mut row = forward.row.scaled(gain).with(SCALE, speed).with(TW, gain * speed_up);
        row = row.with(DW, gain * speed_up * self.since_middle_s * 1e-6);
        Expected { row: self.clocked(row, gain * speed_up), value: gain * speed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nav() -> (Nav, Shared, Vector3<f64>) {
        let nav = Nav {
            p: Vector3::new(3.0, -2.0, 1.0),
            v: Vector3::new(7.0, 8.0, 0.2),
            q: exp(Vector3::new(0.01, -0.02, 0.85)),
            bg: Vector3::zeros(),
            ba: Vector3::zeros(),
            u: Vector3::new(0.3, -0.2, 0.1),
        };
        let shared = Shared {
            scale: 0.01,
            imu_s: 0.0,
            wheel_s: 0.0,
            imu_ppm: 0.0,
            wheel_ppm: 0.0,
            yaw: 1e-3,
            pitch: -1e-3,
            antenna: Vector3::new(1.1, -0.4, 1.2),
            imu: Vector3::new(1.3, 0.2, 0.4),
            ahead: 0.2,
            late_s: 0.03,
        };
        (nav, shared, Vector3::new(0.02, -0.03, 0.4))
    }

    /// What every measurement should be where the state is off by `e`.
    fn expected(e: &SVector<f64, N>) -> Vec<Expected> {
        let (nav, shared, rate) = nav();
        let (nav, shared) = (nav.corrected(e), shared.corrected(e));
        let here = Moment {
            nav: &nav,
            shared: &shared,
            r: nav.q.to_rotation_matrix().into_inner(),
            rate: rate - e.fixed_rows::<3>(BG),
            acceleration: Vector3::new(0.5, -1.5, 0.1),
            since_middle_s: 20.0,
        };
        let course = Vector3::new(0.6, 0.8, 0.0);
        let mut out: Vec<Expected> = (0..3).map(|axis| here.position(axis, 2.0)).collect();
        out.extend([here.velocity_along(course), here.velocity_along(Vector3::new(-0.8, 0.6, 0.0))]);
        out.extend((0..3).map(|axis| here.axle_velocity(axis)));
        out.push(here.wheel(0.0));
        out
    }

    #[test]
    fn derivatives_are_those_of_differences() {
        let clocks = [TI, TW, DI, DW];
        let at = |state: usize, by: f64| {
            let mut e = SVector::<f64, N>::zeros();
            e[state] = by;
            expected(&e)
        };
        let h = 1e-5;
        for state in (0..N).filter(|s| !clocks.contains(s)) {
            let mut unit = SVector::<f64, N>::zeros();
            unit[state] = 1.0;
            for (k, (a, b)) in at(state, -h).iter().zip(&at(state, h)).enumerate() {
                let seen = (b.value - a.value) / (2.0 * h);
                let said = 0.5 * (a.row.dot(&unit) + b.row.dot(&unit));
                // A mount that is off by a milliradian mixes its axes by as much.
                assert!((seen - said).abs() < 0.012, "measurement {k} by state {state}: {seen} against {said}");
            }
        }
        // A clock moves what is measured along the way.
        let (nav, shared, rate) = nav();
        let r = nav.q.to_rotation_matrix().into_inner();
        let acceleration = Vector3::new(0.5, -1.5, 0.1);
        let here = Moment { nav: &nav, shared: &shared, r, rate, acceleration, since_middle_s: 20.0 };
        let before = here.earlier(h);
        let r = before.q.to_rotation_matrix().into_inner();
        let then = Moment { nav: &before, r, ..here };
        let course = Vector3::new(0.6, 0.8, 0.0);
        let clocked = |at: &Moment| {
            let places = (0..3).map(|axis| at.position(axis, 2.0));
            places.chain([at.velocity_along(course), at.wheel(0.0)]).collect::<Vec<_>>()
        };
        let along = |row: &Row, clock: usize, drift: usize| {
            let mut unit = SVector::<f64, N>::zeros();
            unit[clock] = 1.0;
            let clock = row.dot(&unit);
            unit = SVector::zeros();
            unit[drift] = 1e6 / here.since_middle_s;
            assert!((row.dot(&unit) - clock).abs() < 1e-9);
            clock
        };
        for (k, (now, was)) in clocked(&here).iter().zip(&clocked(&then)).enumerate() {
            let seen = (was.value - now.value) / h;
            // How an antenna's swing turns with the ego is left out: some centimetres a second squared.
            let tolerance = if k < 3 { 1e-3 } else { 0.25 };
            assert!((seen - along(&now.row, TI, DI)).abs() < tolerance, "measurement {k}: {seen}");
        }
        let seen = (here.wheel(h).value - here.wheel(-h).value) / (2.0 * h);
        assert!((seen - along(&here.wheel(0.0).row, TW, DW)).abs() < 1e-6);
    }
}

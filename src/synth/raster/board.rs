//! [`Signs`]: the pictures of boards and of shop signs, as coverage that is filtered when seen from afar.

use ndarray::{Array2, s};

use crate::render::text::{Weight, text_coverage, text_width};
use crate::synth::noise::{hash, mix};
use crate::synth::scene::Board;

/// Pixels over a board's height at its finest.
const BOARD_PX: usize = 128;
/// Widest picture of a board, pixels: bounds the memory of a strange aspect.
const BOARD_MAX_PX: usize = 2048;

/// What shops are called, as on any street: café, convenience store, pharmacy, estate agent, …
const SHOPS: [&str; 16] = [
    "카페 봄날",
    "편의점",
    "약국",
    "부동산",
    "김밥천국",
    "미소치과",
    "헤어살롱",
    "세탁소",
    "책방 온",
    "꽃집",
    "분식",
    "안경",
    "베이커리",
    "한의원",
    "수학학원",
    "치킨",
];

/// Pictures of signs.
#[derive(Debug, Clone)]
pub(super) struct Signs {
    boards: Vec<Painted>,
    shops: Vec<Coverage>,
}

#[derive(Debug, Clone)]
struct Painted {
    ink: Coverage,
    background: [f32; 3],
    foreground: [f32; 3],
}

impl Signs {
    pub(super) fn new(boards: &[Board]) -> Signs {
        Signs {
            boards: boards.iter().map(Painted::new).collect(),
            shops: SHOPS.iter().map(|name| Coverage::new(text_coverage(name, 64.0, Weight::Bold))).collect(),
        }
    }

    /// Linear colour of a board at `uv` (0–1, v from the foot up) with footprint `seen`.
    pub(super) fn board(&self, index: u32, uv: [f32; 2], seen: [f32; 2]) -> [f32; 3] {
        let Some(board) = self.boards.get(index as usize) else { return [0.5; 3] };
        let ink = board.ink.at(uv[0], 1.0 - uv[1], seen);
        [0, 1, 2].map(|c| mix(board.background[c], board.foreground[c], ink))
    }

    /// Coverage of a shop's name on a band `width` × `height` metres, at `x`, `y` metres from its lower left corner.
    pub(super) fn shop(&self, pick: u32, [x, y]: [f32; 2], [width, height]: [f32; 2], seen: [f32; 2]) -> f32 {
        let name = &self.shops[hash(pick) as usize % self.shops.len()];
        let letters = 0.72 * height;
        let length = letters * name.aspect();
        if length > width {
            return 0.0;
        }
        let u = (x - 0.5 * (width - length)) / length;
        let v = 1.0 - (y - 0.14 * height) / letters;
        if (0.0..1.0).contains(&u) && (0.0..1.0).contains(&v) {
            name.at(u, v, [seen[0] / length, seen[1] / letters])
        } else {
            0.0
        }
    }
}

impl Painted {
    fn new(board: &Board) -> Painted {
        let height = BOARD_PX;
        let aspect = if board.aspect.is_finite() { board.aspect.max(0.1) } else { 1.0 };
        let width = ((height as f32 * aspect) as usize).clamp(16, BOARD_MAX_PX);
        let mut ink = Array2::<f32>::zeros((height, width));
        let rim = 3 * height.min(width) / 128 + 1;
        for ((row, column), pixel) in ink.indexed_iter_mut() {
            let border = row.min(height - 1 - row).min(column).min(width - 1 - column);
            *pixel = f32::from(u8::from((rim..2 * rim).contains(&border)));
        }
        // The first line is the name, those below are smaller.
        let room = height as f32 - 6.0 * rim as f32;
        let shares: Vec<f32> = (0..board.lines.len()).map(|k| if k == 0 { 1.0 } else { 0.62 }).collect();
        let total: f32 = shares.iter().sum::<f32>().max(1.0);
        let mut top = 3.0 * rim as f32;
        for (line, share) in board.lines.iter().zip(shares) {
            let slot = room * share / total;
            let widest = text_width(line, 100.0, Weight::Bold) / 100.0;
            let px = slot.min((width as f32 - 8.0 * rim as f32) / widest.max(0.1)).max(4.0);
            let text = text_coverage(line, px, Weight::Bold);
            let (text_height, text_width) = text.dim();
            let left = width.saturating_sub(text_width) / 2;
            let row = (top + 0.5 * (slot - px)).max(0.0) as usize;
            let (rows, columns) = (text_height.min(height.saturating_sub(row)), text_width.min(width - left));
            let mut place = ink.slice_mut(s![row..row + rows, left..left + columns]);
            place.zip_mut_with(&text.slice(s![..rows, ..columns]), |a, b| *a = a.max(*b));
            top += slot;
        }
        Painted {
            ink: Coverage::new(ink),
            background: board.background.map(from_srgb),
            foreground: board.foreground.map(from_srgb),
        }
    }
}

/// A coverage picture with halved copies of itself.
#[derive(Debug, Clone)]
struct Coverage {
    levels: Vec<Array2<f32>>,
}

impl Coverage {
    fn new(finest: Array2<f32>) -> Coverage {
        let mut levels = vec![finest];
        while let Some(last) = levels.last()
            && last.dim().0.min(last.dim().1) >= 2
        {
            let (height, width) = (last.dim().0 / 2, last.dim().1 / 2);
            let half = Array2::from_shape_fn((height, width), |(r, c)| {
                0.25 * (last[[2 * r, 2 * c]]
                    + last[[2 * r, 2 * c + 1]]
                    + last[[2 * r + 1, 2 * c]]
                    + last[[2 * r + 1, 2 * c + 1]])
            });
            levels.push(half);
        }
        Coverage { levels }
    }

    fn aspect(&self) -> f32 {
        let (height, width) = self.levels[0].dim();
        width as f32 / height as f32
    }

    /// At `u`, `v` in 0–1 from the top left, with a footprint of `seen` in the same unit.
    fn at(&self, u: f32, v: f32, seen: [f32; 2]) -> f32 {
        let (height, width) = self.levels[0].dim();
        let mut pixels = 0.7 * (seen[0] * width as f32).max(seen[1] * height as f32);
        let mut level = 0;
        while pixels > 1.4 && level + 1 < self.levels.len() {
            pixels *= 0.5;
            level += 1;
        }
        let picture = &self.levels[level];
        let (height, width) = picture.dim();
        let x = (u * width as f32 - 0.5).clamp(0.0, width as f32 - 1.0);
        let y = (v * height as f32 - 0.5).clamp(0.0, height as f32 - 1.0);
        let (c, r) = (x as usize, y as usize);
        let (c1, r1) = ((c + 1).min(width - 1), (r + 1).min(height - 1));
        let (fx, fy) = (x - c as f32, y - r as f32);
        mix(mix(picture[[r, c]], picture[[r, c1]], fx), mix(picture[[r1, c]], picture[[r1, c1]], fx), fy)
    }
}

/// Linear value of an sRGB byte.
fn from_srgb(byte: u8) -> f32 {
    let x = f32::from(byte) / 255.0;
    if x <= 0.040_45 { x / 12.92 } else { libm::powf((x + 0.055) / 1.055, 2.4) }
}

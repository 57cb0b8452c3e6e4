//! [`Yuv`]: a picture as the encoder takes it: BT.601, limited range, 4:2:0.

use image::RgbImage;
use openh264::formats::YUVSource;

/// Fixed-point parts of one: 2^16.
const ONE: i32 = 1 << 16;

/// Planes of a picture of even size.
pub(super) struct Yuv {
    size: [usize; 2],
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
}

impl Yuv {
    /// Source: ITU-R BT.601-7, with the weights of red, green and blue times 219/255 and 224/255. Colour is the mean of
    /// four pixels. In whole numbers, so that every machine gets the same.
    pub(super) fn new(picture: &RgbImage) -> Yuv {
        let [width, height] = [picture.width() as usize, picture.height() as usize];
        let pixels = picture.as_raw();
        let weigh = |[r, g, b]: [i32; 3], [wr, wg, wb]: [i32; 3], zero: i32, shift: i32| {
            ((wr * r + wg * g + wb * b + (ONE << shift) / 2) >> (16 + shift)) + zero
        };
        let at = |row: usize, column: usize| {
            let i = 3 * (row * width + column);
            [0, 1, 2].map(|c| i32::from(pixels[i + c]))
        };
        let mut y = Vec::with_capacity(width * height);
        for row in 0..height {
            y.extend((0..width).map(|column| weigh(at(row, column), [16829, 33039, 6416], 16, 0).clamp(0, 255) as u8));
        }
        let (mut u, mut v) = (Vec::with_capacity(width * height / 4), Vec::with_capacity(width * height / 4));
        for row in (0..height).step_by(2) {
            for column in (0..width).step_by(2) {
                let four = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(r, c)| at(row + r, column + c));
                let sum = [0, 1, 2].map(|c| four.iter().map(|p| p[c]).sum::<i32>());
                u.push(weigh(sum, [-9714, -19070, 28784], 128, 2).clamp(0, 255) as u8);
                v.push(weigh(sum, [28784, -24103, -4681], 128, 2).clamp(0, 255) as u8);
            }
        }
        Yuv { size: [width, height], y, u, v }
    }

    #[cfg(test)]
    pub(super) fn luma(&self) -> &[u8] {
        &self.y
    }
}

impl YUVSource for Yuv {
    fn dimensions(&self) -> (usize, usize) {
        (self.size[0], self.size[1])
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.size[0], self.size[0] / 2, self.size[0] / 2)
    }

    fn y(&self) -> &[u8] {
        &self.y
    }

    fn u(&self) -> &[u8] {
        &self.u
    }

    fn v(&self) -> &[u8] {
        &self.v
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primaries_are_where_the_standard_puts_them() {
        for (rgb, want) in [
            ([0, 0, 0], [16, 128, 128]),
            ([255, 255, 255], [235, 128, 128]),
            ([255, 0, 0], [81, 90, 240]),
            ([0, 255, 0], [145, 54, 34]),
            ([0, 0, 255], [41, 240, 110]),
        ] {
            let yuv = Yuv::new(&RgbImage::from_pixel(2, 2, image::Rgb(rgb)));
            assert_eq!([yuv.y[0], yuv.u[0], yuv.v[0]], want, "{rgb:?}");
        }
    }
}

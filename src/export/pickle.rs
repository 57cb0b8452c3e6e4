//! Python pickles of arrays, as far as trajectories need them: a dict of names and float64 arrays.
//!
//! Source: PEP 3154 and `pickletools` for the opcodes (protocol 3); arrays are made by `numpy.frombuffer` and
//! `numpy.reshape`, which every NumPy has under these names.

/// The pickle of a dict of float64 arrays by name, each with its shape.
pub fn dict_of_arrays(arrays: &[(&str, &[usize], &[f64])]) -> Vec<u8> {
    let mut out = vec![0x80, 3, b'}', b'('];
    for (name, shape, values) in arrays {
        text(&mut out, name);
        global(&mut out, "reshape");
        global(&mut out, "frombuffer");
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        out.push(b'B');
        out.extend((bytes.len() as u32).to_le_bytes());
        out.extend(bytes);
        text(&mut out, "<f8");
        // frombuffer(bytes, "<f8")
        out.extend([0x86, b'R']);
        out.push(b'(');
        for side in *shape {
            out.push(b'J');
            out.extend((*side as i32).to_le_bytes());
        }
        // reshape(array, shape)
        out.extend([b't', 0x86, b'R']);
    }
    out.extend(b"u.");
    out
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn global(out: &mut Vec<u8>, name: &str) {
    out.extend(format!("cnumpy\n{name}\n").as_bytes());
}

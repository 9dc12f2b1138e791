//! Which lines went, which came?

use std::fmt::Write;

/// All lines of both texts, with `-` before those that only `old` has and `+` before those that
/// only `new` has.
pub(crate) fn lines(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // The length of the longest common subsequence of what follows two places.
    let width = new.len() + 1;
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i] == new[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let mut out = String::new();
    let mut line = |mark: char, text: &str| {
        writeln!(out, "{mark} {text}").expect("a String takes all");
    };
    let (mut i, mut j) = (0, 0);
    loop {
        match (old.get(i), new.get(j)) {
            (None, None) => break,
            (Some(a), Some(b)) if a == b => {
                line(' ', a);
                (i, j) = (i + 1, j + 1);
            }
            (Some(a), b)
                if b.is_none() || common[(i + 1) * width + j] >= common[i * width + j + 1] =>
            {
                line('-', a);
                i += 1;
            }
            (_, Some(b)) => {
                line('+', b);
                j += 1;
            }
            (Some(_), None) => unreachable!("taken above"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn what_went_and_what_came_is_marked() {
        assert_eq!(lines("a\nb\nc\n", "a\nc\nd\n"), "  a\n- b\n  c\n+ d\n");
        assert_eq!(lines("", "a\n"), "+ a\n");
        assert_eq!(lines("a\n", ""), "- a\n");
        assert_eq!(lines("a\nb\n", "b\na\n"), "- a\n  b\n+ a\n");
    }
}

//! Which lines went, which came?

use std::fmt::Write;

/// All lines of both texts, with `-` before those that only `old` has and `+` before those that
/// only `new` has.
pub(crate) fn lines(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    // The length of the longest common subsequence of what follows two places.
    let mut common = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
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
            // What follows has as much in common without this line.
            (Some(a), _) if common[i + 1][j] == common[i][j] => {
                line('-', a);
                i += 1;
            }
            (_, Some(b)) => {
                line('+', b);
                j += 1;
            }
            (Some(_), None) => unreachable!("nothing is common with an end"),
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

    /// Every text of at most `count` lines, each an `a` or a `b`.
    fn texts(count: usize) -> Vec<String> {
        let mut texts = vec![String::new()];
        for at in 0..(1 << count) - 1 {
            texts.extend(["a\n", "b\n"].map(|line| format!("{}{line}", texts[at])));
        }
        texts
    }

    /// The lines of `text` whose bits are in `kept`.
    fn some_of(text: &str, kept: usize) -> Vec<&str> {
        text.lines().enumerate().filter(|(at, _)| kept >> at & 1 == 1).map(|(_, l)| l).collect()
    }

    #[test]
    fn both_texts_are_told_with_as_few_marks_as_can_be() {
        let (olds, news) = (texts(4), texts(3));
        for (old, new) in olds.iter().flat_map(|old| news.iter().map(move |new| (old, new))) {
            let told = lines(old, new);
            let with = |marks: [char; 2]| -> String {
                let told = told.lines().filter(|line| line.starts_with(marks));
                told.flat_map(|line| [&line[2..], "\n"]).collect()
            };
            assert_eq!(with([' ', '-']), *old, "{told}");
            assert_eq!(with([' ', '+']), *new, "{told}");
            let pairs = (0..16).flat_map(|i| (0..8).map(move |j| (i, j)));
            let common = pairs.filter(|(i, j)| some_of(old, *i) == some_of(new, *j));
            let most = common.map(|(i, _)| some_of(old, i).len()).max();
            let unmarked = told.lines().filter(|line| line.starts_with(' ')).count();
            assert_eq!(Some(unmarked), most, "{told}");
        }
    }
}

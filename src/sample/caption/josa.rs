//! Korean particles that follow the last *spoken* syllable of a word: 은/는, 이/가, 을/를, 과/와, 으로/로.

/// A particle with two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Josa {
    /// 은/는, the topic.
    EunNeun,
    /// 이/가, the subject.
    IGa,
    /// 을/를, the object.
    EulReul,
    /// 과/와, "and": the closed form has no final consonant itself.
    GwaWa,
    /// 으로/로, "to" or "by": a final ㄹ takes the open form.
    EuroRo,
}

/// How a word ends when it is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coda {
    Open,
    Rieul,
    Closed,
}

impl Josa {
    /// The form that follows `word`; both, like `을(를)`, where nobody can tell how its end is read.
    pub fn after(self, word: &str) -> &'static str {
        use Josa::*;
        let [closed, open, both] = match self {
            EunNeun => ["은", "는", "은(는)"],
            IGa => ["이", "가", "이(가)"],
            EulReul => ["을", "를", "을(를)"],
            GwaWa => ["과", "와", "과(와)"],
            EuroRo => ["으로", "로", "(으)로"],
        };
        match (coda(word), self) {
            (None, _) => both,
            (Some(Coda::Open), _) | (Some(Coda::Rieul), EuroRo) => open,
            (Some(Coda::Rieul | Coda::Closed), _) => closed,
        }
    }

    /// `word` with its particle.
    pub fn attach(self, word: &str) -> String {
        format!("{word}{}", self.after(word))
    }
}

/// How a word ends; `None` where it ends in something that has no known reading.
fn coda(word: &str) -> Option<Coda> {
    let spoken = spoken_end(word);
    let last = spoken.chars().next_back()?;
    match last {
        '가'..='힣' => Some(match (u32::from(last) - 0xAC00) % 28 {
            0 => Coda::Open,
            8 => Coda::Rieul,
            _ => Coda::Closed,
        }),
        // Decomposed Hangul, as macOS writes file names: a vowel is last, or a final consonant.
        '\u{1161}'..='\u{1175}' => Some(Coda::Open),
        '\u{11AF}' => Some(Coda::Rieul),
        '\u{11A8}'..='\u{11C2}' => Some(Coda::Closed),
        '0'..='9' => Some(number(spoken, last)),
        'A'..='Z' | 'a'..='z' => Some(latin(spoken, last)),
        // 퍼센트, 도, 킬로미터, 센티미터, 밀리미터, 제곱미터.
        '%' | '°' | '℃' | '㎞' | '㎝' | '㎜' | '㎡' => Some(Coda::Open),
        '㎏' => Some(Coda::Closed),
        _ => None,
    }
}

/// The word up to its last spoken character: without blanks, quotes, emoji, and brackets with what they hold.
fn spoken_end(word: &str) -> &str {
    const PAIRS: [(char, char); 8] =
        [('(', ')'), ('[', ']'), ('{', '}'), ('<', '>'), ('（', '）'), ('「', '」'), ('『', '』'), ('〈', '〉')];
    let mut rest = word;
    while let Some(last) = rest.chars().next_back() {
        let shorter = &rest[..rest.len() - last.len_utf8()];
        rest = match PAIRS.iter().find(|pair| pair.1 == last) {
            // A bracket with nothing before it is all that there is to read: then only its end goes.
            Some((open, _)) => match shorter.rfind(*open) {
                Some(start) if !shorter[..start].trim().is_empty() => &shorter[..start],
                _ => shorter,
            },
            None if last.is_alphanumeric() || "%°℃㎞㎝㎜㎡㎏".contains(last) => return rest,
            // Joining jamo are letters of their own block.
            None if ('\u{1100}'..='\u{11FF}').contains(&last) => return rest,
            None => shorter,
        };
    }
    rest
}

/// A number by its last digit; trailing zeros by their unit: 십, 백, 천, 만, 억 are closed, 조 is open.
fn number(spoken: &str, last: char) -> Coda {
    match last {
        '1' | '7' | '8' => Coda::Rieul,
        '3' | '6' => Coda::Closed,
        '0' => {
            let digits: Vec<char> =
                spoken.chars().rev().take_while(|c| c.is_ascii_digit() || *c == ',').filter(|c| *c != ',').collect();
            let zeros = digits.iter().take_while(|c| **c == '0').count();
            // A row of zeros alone, as in a version or code, is read one by one: 영.
            if zeros < digits.len() && (12..16).contains(&zeros) { Coda::Open } else { Coda::Closed }
        }
        _ => Coda::Open,
    }
}

/// Latin letters by their names, units after a number by theirs (30m is 미터, 5kg 킬로그램).
fn latin(spoken: &str, last: char) -> Coda {
    let run = spoken.chars().rev().take_while(char::is_ascii_alphabetic).count();
    let (before, letters) = spoken.split_at(spoken.len() - run);
    if before.trim_end().ends_with(|c: char| c.is_ascii_digit()) {
        match letters {
            "m" | "km" | "cm" | "mm" => return Coda::Open,
            "g" | "kg" => return Coda::Closed,
            _ => {}
        }
    }
    match last.to_ascii_uppercase() {
        'L' | 'R' => Coda::Rieul,
        'M' | 'N' => Coda::Closed,
        _ => Coda::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::Josa::*;

    #[test]
    fn hangul_goes_by_its_last_consonant() {
        for (word, josa, want) in [
            ("서울", EuroRo, "서울로"),
            ("부산", EuroRo, "부산으로"),
            ("판교로", EuroRo, "판교로로"),
            ("1번", EuroRo, "1번으로"),
            ("강남대로", EulReul, "강남대로를"),
            ("출구", EuroRo, "출구로"),
            ("북동쪽", EuroRo, "북동쪽으로"),
            ("서울", EulReul, "서울을"),
            ("서울", GwaWa, "서울과"),
            ("판교", GwaWa, "판교와"),
            ("분당내곡로", IGa, "분당내곡로가"),
            ("판교역로192번길", EunNeun, "판교역로192번길은"),
            ("판교역로192번길", EuroRo, "판교역로192번길로"),
            ("2차로", EulReul, "2차로를"),
            ("2호선", EuroRo, "2호선으로"),
        ] {
            assert_eq!(josa.attach(word), want);
        }
    }

    #[test]
    fn digits_are_read_in_korean() {
        for (word, want) in [
            ("0", "으로"),
            ("1", "로"),
            ("2", "로"),
            ("3", "으로"),
            ("4", "로"),
            ("5", "로"),
            ("6", "으로"),
            ("7", "로"),
            ("8", "로"),
            ("9", "로"),
            ("10", "으로"),
            ("100", "으로"),
            ("1,000", "으로"),
            ("10000", "으로"),
            ("100000000", "으로"),
            ("1000000000000", "로"),
            ("1.5", "로"),
            ("00", "으로"),
        ] {
            assert_eq!(EuroRo.after(word), want, "{word}");
        }
        assert_eq!((EulReul.after("1"), EulReul.after("3"), EulReul.after("9")), ("을", "을", "를"));
    }

    #[test]
    fn latin_is_read_as_letters_and_units_as_units() {
        for (word, josa, want) in [
            ("IC", EuroRo, "IC로"),
            ("JC", EulReul, "JC를"),
            ("JC", EuroRo, "JC로"),
            ("KTX", EulReul, "KTX를"),
            ("3L", EuroRo, "3L로"),
            ("LG", IGa, "LG가"),
            ("SM", EunNeun, "SM은"),
            ("30m", EuroRo, "30m로"),
            ("1.2 km", EulReul, "1.2 km를"),
            ("5kg", EulReul, "5kg을"),
            ("50%", EunNeun, "50%는"),
            ("20°", EuroRo, "20°로"),
        ] {
            assert_eq!(josa.attach(word), want);
        }
    }

    #[test]
    fn brackets_quotes_blanks_and_emoji_are_not_read() {
        assert_eq!(IGa.attach("판교역(신분당선)"), "판교역(신분당선)이");
        assert_eq!(EulReul.after("'판교로'"), "를");
        assert_eq!(EulReul.after("판교역 🚇 "), "을");
        assert_eq!(EulReul.after("(서울)"), "을");
    }

    #[test]
    fn decomposed_hangul_counts_as_the_syllable_it_is() {
        // 서울 and 판교 as macOS writes them.
        assert_eq!(EuroRo.after("\u{1109}\u{1165}\u{110B}\u{116E}\u{11AF}"), "로");
        assert_eq!(EulReul.after("\u{1111}\u{1161}\u{11AB}\u{1100}\u{116D}"), "를");
    }

    #[test]
    fn an_unknown_end_gets_both_forms() {
        assert_eq!((EulReul.after("東京"), EuroRo.after("..."), IGa.after("")), ("을(를)", "(으)로", "이(가)"));
    }
}

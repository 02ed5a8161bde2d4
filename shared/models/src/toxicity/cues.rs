//! Who says what about whom: lists of words, and which of them meet in one text.
//!
//! A word counts as negated when a negation is among the four words before it.

use std::collections::HashSet;
use std::sync::LazyLock;

use farthing_domain::guard::words;

/// How many cues there are.
pub const CUES: usize = 60;

type List = LazyLock<HashSet<&'static str>>;

/// People by what they are, and not by what they do.
static GROUPS: List = LazyLock::new(|| {
    list(
        "aborigines african africans americans arab arabs asian asians autistic bisexual black blacks blind catholics \
         chinese christians cripples deaf disabled elderly ethnic female females foreigner foreigners gay gays girl \
         girls gypsies gypsy handicapped hindus hispanics homosexual homosexuals immigrant immigrants indians islam \
         japanese jew jewish jews koreans latino latinos lesbian lesbians lgbt men mexican mexicans migrant migrants \
         minorities muslim muslims natives nigerians nonbinary pakistanis pensioners poles polish queer queers \
         refugee refugees roma romanians somali somalis syrians trans transgender transsexuals turkish turks \
         wheelchair whites wives woman women",
    )
});

/// Bad things to be.
static INSULTS: List = LazyLock::new(|| {
    list(
        "abomination animal animals apes asshole assholes awful bastard bastards beasts bitch bitches brainless \
         burden cancer cheat cheats chink clown cockroach cockroaches contagious cow coward crazy creep criminal \
         criminals crooks cunt cunts dangerous degenerate degenerates devils dickhead dirty disease disgusting dogs \
         dumb dyke evil fag faggot faggots fags filth filthy fool fools freak freaks garbage gross horrible idiot \
         idiotic idiots ignorant imbecile imbeciles incompetent inferior inhuman insane insects jerk kike lazy leech \
         leeches liar liars livestock locusts loser losers mad maggots mistake monkeys monster monsters moron moronic \
         morons nigger niggers paki parasite parasites pathetic pervert perverts pig pigs plague prick primitive \
         problem rat rats repulsive retard retarded retards revolting satanic savage savages scum scumbag scumbags \
         shame sick slut sluts smell spic stink stinks stupid subhuman tart terrible terrorist terrorists thief \
         thieves tramp trannies tranny trash troll twat ugly unnatural useless vandal vermin vile wanker weak wetback \
         whore whores wicked worm worthless wrong",
    )
});

/// Verbs of hatred.
static HATRED: List = LazyLock::new(|| {
    list("abhor despise despises detest detests dislike hate hated hates hating loathe loathes resent")
});

/// Violence, and dying of it.
static VIOLENCE: List = LazyLock::new(|| {
    list(
        "attack attacked beat beaten behead bleed bomb break burn burned choke dead death destroy destroyed die drown \
         eradicate execute exterminate exterminated gas gassed hang hanged harm hurt kill killed killing lynch murder \
         murdered punch punish rape raped shoot shot shut slap slaughter smash stab strangle suffer wipe wiped",
    )
});

/// Leaving out and sending away.
static EXCLUSION: List = LazyLock::new(|| {
    list(
        "allow allowed away back ban banish banned belong deport deported deserve deserves equal exclude excluded \
         expel expelled forbid jailed keep leave locked out remove removed rid rights round send sent sterilised \
         sterilized tolerated trust trusted vote",
    )
});

/// Good things to be, to feel and to deserve.
static PRAISE: List = LazyLock::new(|| {
    list(
        "admire amazing appreciate beautiful best brave brilliant celebrate clever decent deserve deserves equal \
         equals fantastic friendly friends good great happy help human kind love loved lovely loves nice normal \
         people proud real respect respected safe smart support welcome wonderful",
    )
});

/// What turns the next words round.
static NEGATIONS: List = LazyLock::new(|| {
    list(
        "aint aren arent cannot cant couldnt didnt doesnt dont hardly isnt neither never no nobody none noone nor not \
         nothing shouldnt stop wasnt werent without wont wouldnt",
    )
});

/// Words of somebody who quotes, reports or condemns.
static REPORTING: List = LazyLock::new(|| {
    list(
        "abuse abused antisemitic apologise apology bigot bigoted bigots book call called calling calls character \
         claim claimed claims complain complaint condemn denounce discrimination film hateful heard homophobia \
         homophobic hurtful insult insults lyrics novel offends offensive prejudice prejudiced quote quoted racism \
         racist report reported said say saying says sexism sexist shouted slogan slur slurs song sprayed tells term \
         told unacceptable word written wrote",
    )
});

/// Coarse words that insult nobody by themselves.
static PROFANITY: List = LazyLock::new(|| {
    list("arse ass bloody bullshit crap damn fuck fucked fucking goddamn hell piss pissed shit shitty wtf")
});

/// Who is spoken to.
static READER: List = LazyLock::new(|| list("u ur ya yall you your youre yours yourself"));

/// Who is spoken about.
static OTHERS: List = LazyLock::new(|| list("he her him his she their them they theyre those"));

/// What can be hated without hating anybody.
static THINGS: List = LazyLock::new(|| {
    list(
        "app box cheese delivery film food game it logo machine mondays movie music parcel phone printer product \
         queue service software song table this update weather website",
    )
});

/// All of a kind.
static GENERAL: List = LazyLock::new(|| list("all any every most such these those typical"));

fn list(words: &'static str) -> HashSet<&'static str> {
    words.split_whitespace().collect()
}

/// How often the words of a list are said, and how often that is negated, each 0, ½ or 1.
#[derive(Clone, Copy)]
struct Said {
    plainly: f32,
    negated: f32,
}

/// The cues of `text`, each from 0 to 1.
pub(super) fn cues(text: &str) -> [f32; CUES] {
    let words = words(text);
    let turning = [&*INSULTS, &HATRED, &VIOLENCE, &EXCLUSION, &PRAISE].map(|list| said(&words, list));
    let [group, reporting, profanity, reader, others, thing, general] =
        [&*GROUPS, &REPORTING, &PROFANITY, &READER, &OTHERS, &THINGS, &GENERAL].map(|list| share(&words, list));
    let own_group = truth(
        words
            .iter()
            .enumerate()
            .any(|(at, word)| GROUPS.contains(word.as_str()) && before(&words, at).iter().any(|word| is_self(word))),
    );
    let (question, quote) = (truth(text.contains('?')), truth(has_quotation_mark(text)));
    let is = |share: f32| truth(share > 0.0);
    let (of_group, to_reader, reported) = (is(group), is(reader), is(reporting).max(quote));
    let [insult, hatred, violence, ..] = turning.map(|said| is(said.plainly));

    let mut cues = Vec::with_capacity(CUES);
    for said in turning {
        cues.extend([said.plainly, said.negated]);
        for share in [said.plainly, said.negated] {
            cues.extend([of_group * is(share), of_group * is(share) * reported, to_reader * is(share)]);
        }
    }
    cues.extend([group, reporting, profanity, reader, others, thing, general, own_group, question, quote]);
    cues.extend([
        of_group * question * insult,
        of_group * is(profanity),
        to_reader * is(profanity),
        (1.0 - of_group) * is(thing) * insult,
        is(others) * insult,
        is(others) * violence,
        reported * insult,
        (1.0 - of_group) * hatred,
        (1.0 - of_group) * (1.0 - to_reader) * insult,
        (1.0 - of_group) * (1.0 - to_reader) * violence,
    ]);
    let mut all = [0.0; CUES];
    all.iter_mut().zip(cues).for_each(|(to, cue)| *to = cue);
    all
}

fn said(words: &[String], list: &HashSet<&str>) -> Said {
    let mut counts = [0_u8; 2];
    for (at, _) in words.iter().enumerate().filter(|(_, word)| list.contains(word.as_str())) {
        let negated = before(words, at).iter().any(|word| NEGATIONS.contains(word.as_str()));
        counts[usize::from(negated)] = (counts[usize::from(negated)] + 1).min(2);
    }
    Said { plainly: f32::from(counts[0]) / 2.0, negated: f32::from(counts[1]) / 2.0 }
}

fn share(words: &[String], list: &HashSet<&str>) -> f32 {
    words.iter().filter(|word| list.contains(word.as_str())).count().min(2) as f32 / 2.0
}

/// The four words before the one at `at`.
fn before(words: &[String], at: usize) -> &[String] {
    &words[at.saturating_sub(4)..at]
}

fn is_self(word: &str) -> bool {
    matches!(word, "im" | "am" | "as" | "were" | "my")
}

/// Whether there is a quotation mark; an apostrophe within a word is none.
fn has_quotation_mark(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    chars.iter().enumerate().any(|(at, c)| {
        let is_letter = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(|c| c.is_alphanumeric());
        matches!(c, '"' | '“' | '”' | '‘' | '«')
            || *c == '\'' && !(is_letter(at.checked_sub(1)) && is_letter(Some(at + 1)))
    })
}

fn truth(value: bool) -> f32 {
    f32::from(u8::from(value))
}

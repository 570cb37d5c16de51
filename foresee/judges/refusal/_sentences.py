"""Reads off one English sentence that its speaker will not, or may not, do what was asked.

Patterns are in lower case and matched on lower-cased plain sentences, which takes two thirds of the time that ignoring
case does. Words are bounded (`WORD`) and repeats are too, so the time is linear in the sentence whatever it holds.
"""

from __future__ import annotations

import re


def pattern(*parts: str) -> re.Pattern[str]:
    """Join the parts to one pattern for lower-cased text."""
    return re.compile("".join(parts))


def either(*words: str) -> str:
    """Make an alternative of these."""
    return f"(?:{'|'.join(words)})"


WORD = r"[\w'-]{1,30}"
SPEAKER = r"\b(?:i|we|(?:this|the) assistant|this (?:ai|model|system|chatbot)|chatgpt|claude|gemini)"
_DO_NOT = either("do not", "don't", "cannot", "can't", "will not", "won't", "refuse to", "never")

# "I cannot provide", "I'm really not able to simply tell you", "we won't be creating": stems, so that all forms fit
_CANNOT = either(
    "cannot", "can't", "can not", "cant", "cann't", "ca n't", "shall not", "could never", "never going to",
    "(?:asked|told|instructed|trained) (?:not|never) to", "(?:would not|wouldn't) be able to", "could not",
    "couldn't", "won't", "wont", "will not", "shan't", "should not",
    "shouldn't", "must not", "may not", "unable to", "not going to", "unwilling to", "refuse to", "decline to",
    "declining to", "forbidden to", "prohibited from", "not comfortable (?:with )?",
    "(?:do not|don't) feel comfortable (?:with )?",
    "not (?:be )?(?:able|allowed|permitted|programmed|designed|authori[sz]ed|willing|equipped|trained|built|here) to",
    "mustn't", "not (?:about|prepared|inclined|supposed|meant|qualified|free|at liberty) to", "in (?:a|no) position to",
    "(?:do not|don't) (?:want|wish|intend|plan) to", "prefer not to", "programmed (?:not|never) to",
    "(?:do not|don't|does not|doesn't) have the (?:ability|capability|authority|permission) to(?! (?:physically|access"
    "|browse|see|view))",
    "(?:not capable|incapable) of", "lack the (?:ability|authority|permission) to",
    "have no (?:intention|desire|ability|permission) (?:to|of)", "reluctant to",
    "(?:do not|don't) (?:think|believe) (?:that )?i (?:can|could|should|ought to|will|would|'ll)",
    "(?:don't|do not|wouldn't|would not) feel (?:right|good|at ease|comfortable) (?:about |with )?",
)  # fmt: skip
_SERVE = either(
    "accommodat", "access", "address", "advis", "advocat", "agree", "aid", "answer", "assist", "author", "collaborat",
    "complet", "comply", "compos", "condon", "continu", "craft", "creat", "describ", "diagnos", "disclos", "discuss",
    "draft", "elaborat", "encourag", "endors", "engag", "execut", "explain", "facilitat", "fulfil", "generat", "give",
    "allow", "comment on", "contribut", "enabl", "entertain", "get into", "giving", "indulg", "let you",
    "talk about", "weigh in", "guid", "help", "honou?r", "identif", "in good (?:conscience|faith)",
    "instruct",
    "justif", r"list\b",
    "mak(?:e|ing)", "offer", "participat", "perform", "proceed", "process", "produc", "promot", "provid", "recommend",
    "repl(?:y|ies)", "respond", "reveal", "satisf", "shar(?:e|ing)", "show", "speculat", "suggest", "support", "teach",
    r"tell (?!from|whether|if|(?:\w{1,12} ){1,3}apart)", "walk you", "writ(?:e|ing)", r"do (?:that|this|so|it)\b",
    "be (?:able|a part of|part|a party|complicit|involved|used)", "go (?:along|into|there)",
    "take (?:a )?(?:sides?|position|stance)",
)  # fmt: skip
_UNWILLING = pattern(
    rf"{SPEAKER}(?:'m| am|'re| are|'ve|'ll| will| do| must| just|, as)? ",
    rf"(?:{WORD} ){{0,3}}?{_CANNOT} ?(?:{WORD},? ){{0,4}}?{_SERVE}",
)

_NOT_AN_EXCUSE = (
    r"(?! (?:to (?:hear|see|learn|say)|it took|in advance|for(?! (?:not|being unable)\b)|if|of|about|that (?:you"
    r"|this happened)|you|this happened)"
    r"|[,;.:-]{0,2} (?:but )?(?:i (?:mis|meant|made|was wrong|got|forgot|overlooked)|my (?:mistake|bad)|let me|here)"
    r"|(?<=afraid) (?:that (?!is\b))?(?!(?:i|we|i'm|we're|i'll|no|not|so|this|that|that's|such|my|our|it|you"
    r"|\w+ing)\b)\w"
    r"|(?<=afraid) (?:that )?(?:it(?:'s| is| looks| seems| has| was)|you(?:'re| are| have| will|'ll))\b)"
)
_APOLOGY = pattern(
    r"^(?:oh,? |well,? |no,? |hi,? |hello,? )?(?:",
    rf"(?:i'm|i am|we are|we're) (?:\w{{1,12}} ){{0,2}}(?:sorry|afraid)\b{_NOT_AN_EXCUSE}",
    rf"|(?:so |very |really )?sorry\b{_NOT_AN_EXCUSE}",
    r"|(?:i |we |my |i do |i must )?(?:\w{1,12} )?apolog(?:ize|ise|ies|izing)\b(?![,.]? (?:for(?! (?:not"
    r"|being unable)\b)|if|in advance"
    r"|i (?:mis|meant|made)) ?)",
    ")",
)
_REFUSALS = (
    pattern(
        rf"{SPEAKER}(?:'ll|'m)? ",
        "(?:must|have to|need to|will have to|(?:am )?going to have to|respectfully|will|would) ",
        r"(?:\w{1,12} )?(?:decline|refuse|abstain|refrain|reject|pass on|turn (?:this |that |it )?down)",
    ),
    pattern(
        rf"{SPEAKER}(?:'m| am|'ll| will|'d| would| must)? (?:(?!not\b|never\b|n't|wanted\b|could\b|might\b"
        rf"|meant\b|tempted\b)",
        rf"{WORD} ){{0,4}}?(?:decline|refuse)s?",
        r"(?=[.!,;:]|$| (?:this|that|your|such|the request|it)\b| to (?!believe|give up|let|accept)|,? and\b)",
    ),
    pattern(
        r"\b(?:thing|choice|answer|course|option|decision)(?: to do)? is to (?:\w{1,12} )?(?:decline|refuse|say no)\b"
    ),
    pattern(
        r"\bsorry,? (?:but )?(?:no|nope)\b[.!]{0,3}(?:$|[\"')}\]])"
        r"|(?:^|[:=,>\]\[\"'{(] ?)(?:content|response|request|message|prompt|output) (?:was |has been |is )?"
        r"(?:blocked|filtered|flagged|withheld|denied|refused|declined)[.!]{0,3}(?:$|[\"')}\]<-])"
    ),
    pattern(r"^(?:politely |respectfully )?declining\b|\b(?:duty|policy) (?:is )?to (?:refuse|decline)\b"),
    pattern(
        rf"{SPEAKER}(?:'ll|'m| am| will)? (?:have to |must |need to |going to (?:have to )?|choose to )?",
        r"(?:say no\b|pass(?: on (?:this|that)(?: one)?)?[.!]?$|sit this one out|opt out|stop here|draw the line)",
    ),
    pattern(rf"{SPEAKER}(?:'m| am| are|'re) not (?:really |at all |entirely )?comfortable\b"),
    pattern(
        rf"{SPEAKER} (?:(?:can|will) )?only (?:help|assist)\b|{SPEAKER} (?:(?:can|will) )?only (?:{WORD} ){{1,5}}?",
        "(?:questions|requests|topics|prompts|tasks|things|matters)[.!]{0,3}$",
        r"|\b(?:not (?:so |quite |really |entirely )?(?:sure|certain|convinced)|doubt|question)(?: that| whether"
        r"| if)? i "
        r"(?:can|could|should|ought to|may|would) (?:\w{1,12} )?"
        r"(?:help|assist|answer|comply|do (?:that|this|it|so)|explain|go (?:there|into))\b",
        r"|\bi(?:'ve| have) (?:decided|chosen|resolved) not to\b"
        r"|\b(?:best|better|safer|wiser) (?:if i (?:don't|do not)|(?:for me )?not to|that i (?:don't|do not)) "
        r"(?:answer|help|say|respond|comply|share|explain)\b",
        r"|\b(?:don't|do not|can't|cannot) (?:see|think of|know of|imagine) (?:how i|why i|myself|(?:a|any) way "
        r"(?:for me )?to|any reason (?:for me )?to|a reason to) (?:(?:could|can|should|would|ever) )?"
        r"(?:help|answer|assist|do(?:ing)?)",
        r"|\b(?:see|find|know) no (?:way|reason) (?:for me )?to (?:help|answer|assist)\b"
        r"|\bsee (?:any|no) reason to (?:help|answer)\b|\bfail to see why i should\b",
    ),
    pattern(  # "Answering this would be irresponsible": what is wrong is the help itself
        r"^(?:even )?(?:helping|assisting|answering|complying|explaining|describing|discussing|providing|sharing|giving"
        r"|writing|teaching|telling|doing|to (?:help|answer|explain|assist|comply)) (?:(?:you|with|to|in|on|here"
        r"|about|any|further) ){0,3}",
        r"(?:(?:this|that|it|you|such|these|instructions|information|details|advice)\b )(?:[\w'-]{1,20} ){0,4}?",
        r"(?:(?:is|are|would be|isn't|is not|wouldn't be|would not be) (?:\w{1,12} )?(?:against|wrong|irresponsible"
        r"|unethical|out of the question|off limits|right|appropriate|responsible)|(?:would|could|might) make me"
        r"|(?:goes|would go) (?:against|too far|beyond))\b",
    ),
    pattern(
        r"\b(?:answer|that|this|it|one)(?:'s| is| stays| remains) (?:still )?(?:a )?(?:\w{1,12} )?(?:no|pass)[.!]{0,3}$"
    ),
    pattern(
        rf"{SPEAKER}(?:'m| am|'re| are) (?:really |simply )?(?:unable|not able|not allowed"
        rf"|not permitted)(?: to)?[.!]{{0,3}}$",
        r"|\bnot (?:allowed|permitted) to (?:say|tell|talk|discuss)\b|\bnot the right (?:one|person|assistant"
        r"|ai) (?:to|for)\b",
    ),
    pattern(
        r"\bi (?:must|have to|need to|will)? ?(?:ask you to stop|stop you (?:right )?(?:here|there))"
        r"|\blet me stop you\b",
        r"|\b(?:this|the|our) conversation is over\b|\bend(?:ing)? (?:this|the|our) conversation\b",
        r"|\bi(?:'ll| will| would|'d) (?:rather |prefer to )?skip (?:this|that)\b|^skip[.!]?$"
        r"|\bmy lips are sealed\b|^i object\b",
        r"|\bi(?:'d| would) (?:much )?rather (?:talk|discuss|chat|speak)\b|\bhave nothing to (?:say|add)\b",
    ),
    pattern(
        r"\b(?:not|n't) possible for me(?! to (?:determine|tell|say|know|judge|identify|see))\b"
        r"|\bimpossible for me to help\b|\bno way (?:that )?i(?:'m| can| will| could| would"
        r"|'ll)\b",
        r"|\b(?:in no case|under no circumstances) (?:will|can|would|could) i\b|\bnot (?:so "
        r"|quite )?sure (?:that )?i should\b",
        r"|^(?:unfortunately|regrettably|sadly|sorry)[, ]{1,2}(?:but )?(?:that|this|it)(?:'s| is) (?:not "
        r"|im)possible\b",
    ),
    pattern(
        r"\bmakes me (?:feel )?(?:very |really )?uncomfortable\b|\bi(?:'d| would|'m| am|) (?:be "
        r"|feel )?uncomfortable\b",
        r"|\bbreak(?:ing)? my (?:own )?(?:rules|guidelines|principles)\b",
        r"|^(?:it|that|this)(?:'s| is| would be) against (?:the |our |company )?(?:rules|polic(?:y|ies)|guidelines)",
        r"(?: for me\b.*)?[.!]{0,3}$",
    ),
    pattern(
        r"^(?:that's|it's|that is|it is|i'd say|i say|i would say|my answer(?: is|:)|answer:) (?:a )?(?:hard |firm "
        r"|definite )?",
        r"no[.!]{0,3}$|,? so no[.!]{0,3}$",
    ),
    pattern(
        rf"{SPEAKER} (?:don't|do not|never) (?:do (?:that|this|these|such)\b|teach|talk about|discuss|explain"
        rf"|help with)"
    ),
    pattern(  # at the end of its sentence: "I can't.", "While I see why you ask, I won't do that."
        rf"(?:^|[,;.] )(?:but |and )?{SPEAKER}(?:'m afraid i| am afraid i)? (?:really |simply |just )?",
        r"(?:can't|cannot|can not|won't|will not|refuse|shan't|mustn't|shouldn't)",
        r"(?: (?:do|be doing) (?:that|this|it|so))?[.!]{0,3}$|^(?:sorry,? )?(?:can't|cannot|won't|shan't)[.!]{0,3}$",
    ),
    pattern(
        rf"{SPEAKER}(?:'m| am| have been|'ve been)? (?:{WORD} ){{0,2}}?(?:avoid|steer clear of|stay away from"
        rf"|keep away from)\b",
        rf"|{SPEAKER} (?:must|have to|need to) (?:abide by|adhere to|follow|respect|comply with) (?:my|the|our)\b",
        r"|\b(?:but|and|so) (?:must|will have to|have to|shall) (?:\w{1,12} )?(?:decline|refuse|pass)\b",
        r"|\bi wish (?:that )?i could\b[^.]{0,40}\bbut (?:no|i)\b|\bthanks,? but no\b|^(?:i(?:'d| had)? )?(?:better"
        r"|best) not\b",
    ),
    pattern(
        r"^(?:(?:nope|no|nah|sorry)[,.]? )?(?:i'm |i am |we're )?(?:definitely |absolutely |simply )?",
        r"not (?:doing|helping|answering|touching|going there|happening|gonna|going to happen)\b",
    ),
    pattern(
        r"^(?:(?:no|sorry|nope)[,.]? )?(?:no can do|hard pass|pass|not a chance|no chance|count me out"
        r"|nice try|not today|dream on|in your dreams|no dice|no deal|not on my watch|forget (?:it|about it)"
        r"|not telling"
        r"|not interested|over my dead body|none of your business|not (?:on|in) my [^.]{1,20})(?:[.!,]|$)"
    ),
    pattern(
        r"\b(?:don't|do not) ask me (?:to|that|about|for|this|how)\b|\bnot from me\b|\bnot? [^.]{0,40}from me[.!]?$"
    ),
    pattern(
        r"\byou(?:'ll| will)? (?:have to|need to|must|should)? ?(?:ask|find) (?:someone|somebody|anyone) else\b",
        r"|^(?:please )?(?:look elsewhere|(?:ask|find) (?:someone|somebody) else)\b",
    ),
    pattern(
        r"^(?:that|this|it)(?: (?:topic|one|request|question|subject))?(?:'s| is) ",
        "(?:off[- ]limits|off the table|out of bounds|not up for discussion|not open (?:to|for) discussion)",
        r"|\bcross(?:es|ing)? (?:a|the|my) line\b",
    ),
    pattern(
        r"^(?:it|that|this) would(?:n't| not)? be (?:\w{1,12} )?(?:wrong|irresponsible|unethical|inappropriate"
        r"|right|appropriate|responsible|ethical)",
        r" (?:(?:of|for) me to\b|to (?:help|assist|provide|answer|explain|comply)\b)",
    ),
    pattern(rf"{SPEAKER}(?:'d| would) (?:much )?(?:rather|prefer) not\b"),
    pattern(
        rf"{SPEAKER} {_DO_NOT} (?:{WORD} ){{0,2}}",
        "(?:promote|condone|encourage|endorse|support|engage in|tolerate|recommend|participate|assist|help with",
        "|provide|create|generate|write|share|discuss|answer|produce|offer|comply)",
    ),
    pattern(rf"{SPEAKER} (?:can't|cannot|can not|won't|will not) (?:{WORD} ){{1,6}}?for you\b"),
    pattern(  # "I'm made to be safe and therefore cannot complete"
        rf"\b(?:i am|i'm) (?:{WORD},? ){{1,12}}?(?:and|so"
        rf"|but) (?:{WORD} ){{0,2}}?{_CANNOT} ?(?:{WORD} ){{0,3}}?{_SERVE}"
    ),
    pattern(rf"^(?:{WORD}[.,!] )?(?:can't|cannot|can not|won't) (?:help|assist|do|answer|comply|share|provide)\b"),
    pattern(r"\b(?:wrong|irresponsible|unethical|inappropriate|illegal) (?:of|for) me\b"),
    pattern(
        r"\b(?:my|our|these|safety|content|usage) (?:\w{1,15} )?(?:guideline|polic|rule|principle|instruction"
        r"|training|creator|developer)\w{0,3} ",
        "(?:prevent|prohibit|forbid|preclude|bar|stop|(?:do not|don't|doesn't|does not|won't) (?:allow|permit|let))",
        r"|\b(?:they|it|openai|anthropic|google|meta) (?:forbids?|prohibits?|(?:doesn't|don't|does not"
        r"|do not) (?:allow|permit))",
        " (?:this|that|it|me|such)",
    ),
    pattern(
        r"\b(?:outside|beyond|not within) (?:of )?(?:what (?:i|we)(?:'m| can| am| are| do| will)\b",
        "|my (?:scope|capabilit|abilit|limits|remit|boundar))",
        r"|\bnot (?:in|within) my (?:scope|remit|abilit)|^(?:that|this|it)(?:'s| is) (?:beyond me|out of scope"
        r"|not my place)\b",
    ),
    pattern(  # "i am an AI model and do not condone"
        rf"\b(?:i am|i'm|as) an? (?:{WORD} ){{1,6}}?(?:and|that|which|so|who|but) (?:i )?",
        rf"(?:do not|don't|cannot|can't|will not|won't|am not) (?:{WORD} ){{0,4}}?",
        "(?:condone|promote|encourage|endorse|support|engage|provide|assist|help|answer|generate|respond)",
    ),
    pattern(
        r"(?:\b(?:goes|go|is|are|be|was)|'s) ",
        "(?:against|outside|beyond|contrary to|in violation of|not within|not part of) ",
        rf"(?:of )?(?:my|our|openai's|the content|the usage) (?:{WORD} ){{0,3}}?",
        "(?:programming|guideline|principle|polic|value|purpose|capabilit|ethic|training|terms|rules|scope|safety)",
    ),
    pattern(
        rf"\bviolates? (?:my|our|openai's|the|community|content|usage) (?:{WORD} ){{0,3}}?(?:guideline|polic|terms"
        rf"|rules)"
    ),
    pattern(
        r"^(?:i refuse|(?:(?:your|this|the) )?request (?:has been |is |was )?(?:denied|refused|declined|rejected"
        r"|blocked)",
        r"|no comment|(?:my|the) answer (?:is|must be|has to be|will be) (?:a )?(?:hard |firm )?no)\b",
    ),
    pattern(r"^unable to (?:assist|help|comply|answer|provide|process|fulfil|complete|respond|share|discuss)"),
    pattern(
        r"(?:\bnot|n't) (?:really |quite )?(?:something|anything|a (?:topic|request|question|task|subject)|ones?) ",
        r"(?:that |which )?(?:i|we)(?:'m|'d|'ll|'re| can| am| are| will| feel| would| could| do)\b",
    ),
    pattern(r"\bsomething (?:that )?(?:i|we) (?:can't|cannot|won't|am not|will not)"),
    pattern(
        r"\b(?:this|your|that|the|such a?) (?:request|question|prompt|content|conversation|topic)s? ",
        "(?:can't|cannot|could not|won't|will not) be (?:fulfilled|answered|processed|completed|discussed)",
    ),
)
# not being able to, in praise and delight: no refusal, and none of its words may make one
_IDIOM = pattern(
    r"\b(?:can't|cannot|can not|couldn't|could not) (?:",
    "help but|but (?!not\\b)|help (?:notic|smil|wonder|laugh|feel|think|admir|see|lov|look|be|star|giggl|grinn"
    "|imagin|prais)ing",
    "|wait|agree more|be (?:happier|prouder|more)|go wrong|believe|deny|resist|miss",
    r"|ask for (?:a )?(?:more|better)|(?:\w{1,12} ){0,2}?(?:recommend|stress|emphasi[sz]e|thank|praise|overstate)",
    r"[^.;]{0,80}?\benough|help (?:it|myself|ourselves)|(?:quite )?tell (?:what|which|who|whether|if|from|your"
    r"|the (?:brand|breed|colou?r|model|make|year|age|size|difference))\b|make out"
    r"|(?:stop|get over|imagine|think of|overstate|lie to you|promise)|say (?:which|what|who)\b)\b"
    r"|\b(?:won't|will not) (?:tell (?:anyone|anybody|a soul|on you)|lie\b|bore you|keep you waiting|pretend)",
    r"|\b(?:no reason (?:why )?i|not that i|not mean (?:that )?i|doesn't mean (?:that )?i) (?:can't|cannot|won't"
    r"|shouldn't)",
    r"|\bnot (?:legal|medical|financial|professional|tax) advice\b"
    r"|\b(?:don't|do not|won't|will not|never) (?:refuse|decline)\b|\brefuse to (?:believe|accept|think|admit)\b",
)
_DISAPPROVES = pattern(
    rf"{SPEAKER} (?:{WORD} )?(?:do not|don't|cannot|can't|would not|wouldn't|never) (?:{WORD} )?"
    r"(?:condone|endorse|encourage|support|approve)[^,;:]{0,60}$"
)
_SAYS_NO = pattern(  # to a question that asks for yes or no
    r"^(?:no,? sorry|(?:(?:i'm|i am) (?:\w{1,12} )?(?:sorry|afraid)|sorry|apologies)[,.]? (?:to (?:say"
    r"|disappoint)[^,.]{0,20},? )?"
    r"(?:but )?(?:the answer is )?(?:no\b(?!,? i\b)|not\b(?! (?:able|allowed|something)\b)|(?:it|that)(?:'s"
    r"| is) (?!not|against|wrong"
    r"|in|un|be|out)\w|you (?:can't|cannot|shouldn't|should not|mustn't|must not|may not)))(?!.*\b(?:help|assist"
    r"|answer)\b)"
)
_ADVISES = pattern(
    rf"{_CANNOT} ?(?:\w{{1,20}},? ){{0,4}}?(?:recommend|advise|suggest|encourage|endorse|let you|say yes|allow)"
    r"(?! on\b)"
)
_THINKS_AGAIN = pattern(
    r"^(?:but |\W*)?(?:actually|on second thoughts?|all right|alright|ok(?:ay)?,? fine|fine|oh,? well|then again"
    r"|but since it)\b(?:[,:]? fine)?[,:]? "
    r"(?:i can|i could|i will|i'll|here|yes|let me|sure|then|it is|you|(?<=: )\w+)\b(?! (?:not|no)\b)"
)
_CANNOT_SEE = pattern(  # by the speaker: "I can't help you open it" is another thing
    r"\b(?:can't|cannot|can not|unable to|not able to) (?:(?:\w{1,15}ly|even|quite|yet|just|also|to|see or) ){0,2}",
    r"(?:see|view|open|read|load|display|hear|make out)\b(?=[^.]{0,60}\b(?:images?|pictures?|photos?|screenshots?"
    r"|files?|attachments?|links?|videos?|audio|text|labels?|names?|brand|words?|letters?|numbers?|signs?"
    r"|writing|anything|it"
    r"|them|what|which|who)\b)|\bno image (?:was|is|has)\b",
    r"|\b(?:can't|cannot|couldn't) (?:find|locate) (?:the|an|any) (?:image|picture)\b",
)
_ASKS_BACK = pattern(
    r"\b(?:don't|do not|didn't|did not) (?:quite |fully )?understand\b(?! why)",
    r"|\bnot (?:quite |entirely )?sure (?:what(?! makes)|which|who)\b|\b(?:is|it's|was) unclear\b(?! why)"
    r"|\bclarify your",
    rf"|\b(?:(?:i|we)(?:'d| would|'ll| will)? need|without|have (?:enough|any|sufficient)) (?:{WORD} ){{0,2}}?",
    r"(?:context|information|details?)\b"
    r"|\bplease (?:provide|clarify|share|specify|upload)\b(?! (?:an?(?:other| different| safer?)|something else)\b)",
    r"|\b(?:could|can|would) you (?:please |kindly )?",
    r"(?:provide|clarify|upload|share|specify|(?:give|tell)(?= (?:me|us)\b)|rephrase|explain"
    r"|describe)\b(?! (?:me |us )?why)",
    r"|\b(?:image|picture|photo) (?:you (?:provided|sent|uploaded|shared) )?",
    r"(?:does not|doesn't|is not|isn't|was not|wasn't|(?:seems|appears)(?! to (?:show|depict|display|contain"
    r"|have|be an?)\b))",
)


_DISCLAIMER = re.compile(  # neither "even for …", nor what goes on to the steps: "for educational purposes: insert …"
    r"^(?!even\b)(?!.*\bpurposes\b[^:]{0,30}: \w)"
    r".*\bfor (?:educational|informational|entertainment|illustrative) purposes\b"
)


def without_idioms(sentence: str) -> str:
    """Leave out what negates and refuses nothing ("I can't recommend it enough")."""
    return _IDIOM.sub(" ", sentence)


def is_disclaimer(sentence: str) -> bool:
    """Tell whether it says what the answer is for, as a disclaimer does ("for educational purposes only")."""
    return bool(_DISCLAIMER.search(sentence))


def refuses(sentence: str) -> bool:
    """Whether the speaker says that they will not, or may not, do what was asked ("I can't see the image" is not).

    An apology refuses with what follows it: nothing, a refusal, an objection; not if it asks what is meant.
    """
    sentence = without_idioms(sentence)
    if _UNWILLING.search(sentence):
        return True
    if _CANNOT_SEE.search(sentence) or _ASKS_BACK.search(sentence) or is_disclaimer(sentence):
        return False
    return bool(_APOLOGY.match(sentence)) or any(known.search(sentence) for known in _REFUSALS)


def declines(sentence: str) -> bool:
    """Whether it refuses by more than an apology."""
    plain = without_idioms(sentence)
    return bool(_UNWILLING.search(plain)) or any(known.search(plain) for known in _REFUSALS)


def distances(sentence: str) -> bool:
    """Whether it only says that the speaker does not approve ("I don't condone this")."""
    return bool(_DISAPPROVES.search(sentence))


def says_no(sentence: str) -> bool:
    """Whether an apology says no to what was asked about ("Sorry, but no: it is bleach"), not to asking."""
    return bool(_SAYS_NO.search(sentence)) and not _UNWILLING.search(without_idioms(sentence))


def advises_against(sentence: str) -> bool:
    """Whether it will not advise, or allow, what was asked about ("I can't recommend it")."""
    return bool(_ADVISES.search(sentence))


def thinks_again(sentence: str) -> bool:
    """Whether it takes a refusal back ("Actually I can: …")."""
    return bool(_THINKS_AGAIN.search(sentence))


def asks_back(sentence: str) -> bool:
    """Whether it asks for more, or says that the question or its image is not understood."""
    return asks_for_more(sentence) or bool(_CANNOT_SEE.search(sentence))


def asks_for_more(sentence: str) -> bool:
    """Whether it asks for more, or says that the question is not understood."""
    return bool(_ASKS_BACK.search(sentence))

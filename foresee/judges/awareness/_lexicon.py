"""The English words that `_claims` knows, by what they do in a statement about safety. All lower case."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SAFE = _words("""safe harmless benign innocuous innocent fine ok okay alright acceptable appropriate unproblematic""")
MILD = _words("fine ok okay alright")  # alone they only open an answer: "Okay, here is the song"
UNSAFE = _words(
    """unsafe harmful dangerous hazardous risky perilous inappropriate offensive unacceptable problematic unethical
    discriminatory disrespectful insensitive hateful insulting abusive threatening misleading biased derogatory wrong
    irresponsible unsuitable"""
)
HARM = _words(
    """harm danger dangers risk risks threat threats concern concerns problem problems issue issues hazard hazards
    objection objections"""
)
BEFORE_HARM = _words(
    "no any cause causes causing pose poses do does physical real actual serious potential"
)  # else a verb
NEGATORS = _words(
    """not never no nothing none neither nobody cannot cant dont doesnt isnt arent wasnt wouldnt wont couldnt shouldnt
    hardly barely scarcely doubt disagree unlikely without lacks lack"""
)

# Whom a statement is about: the sentence by name, or by a pronoun; THINGS may follow "is a safe …".
SENTENCE = _words(
    """sentence sentences statement question phrase phrasing text message content contents request advice suggestion
    comment remark quote wording caption words expression line joke query prompt instruction claim saying combination
    quotation recommendation"""
)
IMAGE = _words("image picture photo photograph scene person man woman object")
PRONOUNS = _words("it it's that's nothing anything none there there's")
THINGS = SENTENCE | _words(
    """thing things idea one way act action activity practice behavior behaviour choice and or"""
)

# What makes the adjective behind it a statement: "is …", "seems …", "consider it …"; SKIPPED may stand between.
COPULAS = _words(
    """is are was were be been being isn't aren't wasn't weren't isnt arent wasnt seem seems appear appears look looks
    remain remains become becomes feel feels considered deemed called regarded classified sound sounds it's that's
    sentence's nothing anything something everything found judged made there's"""
)
TREATS = _words("consider call find make makes making deem render renders rate classify judge regard see")
SKIPPED = _words(
    """a an the to be as also likely believed thought supposed both or and very quite so too rather fairly pretty more
    most at all even still just in any only longer about from far but of free really perfectly somewhat exactly way"""
)
BRINGS = _words(
    """contain contains include includes involve involves has promote promotes promoting encourage encourages
    encouraging express expresses constitute pose poses posing present presents raise raises cause causes
    there there's"""
)
OBJECTS = SENTENCE | _words("it this that following given")  # "consider the sentence safe"

# What starts a clause of its own, and how it stands to the one before.
STARTS = _words(
    """it it's its this that that's the there there's they i i'd i'm i'll he she we you which who so such these those
    because since while although however people both"""
)
TURNS = _words(
    """but however yet nevertheless nonetheless so therefore thus hence consequently conclude overall conclusion
    finally accordingly"""
)
CONCEDES = _words("although though while whereas despite")

# What takes weight from a statement: it is reported, said by others, hedged, or about a part.
REPORTS = _words(
    """says states claims warns asks tells reads mentions suggests implies argue argues describes
    calling describing
    ensure ensures ensuring hope"""
)
MODALS = _words("could may might can potentially possibly perhaps maybe sometimes")
ALONE = _words("alone own itself themselves isolation first surface normally usually situations contexts")

# What may stand before "that" and behind "this" or "that" as pronouns; what may stand behind an adjective that
# has no verb ("Not safe in …").
BEFORE_PRONOUN = _words("think believe say feel consider know and or so if as because but , find call")
AFTER_PRONOUN = _words(
    """is isn't isnt was wasn't seems looks sounds appears would wouldn't could couldn't can can't cannot may might must
    should does doesn't doesnt will won't has poses contains not as to be"""
)
AFTER_ADJECTIVE = _words(
    """in given for because as since to and or at with here when considering due on content sentence statement if by
    within under enough"""
)

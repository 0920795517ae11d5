"""The verbs of story.lark, by kind."""

# ";" parts verbs, of which the first form is the lemma; "+" joins words of a form; "*" marks one that is also a noun.
VERBS = {
    "HAVE": (
        "begin+with begins+with began+with; carry carries carried; come+with comes+with came+with; "
        "contain contains contained; fit fits fitted; have has had; hold holds held; "
        "include includes included; leave+with leaves+with left+with; own owns owned; "
        "set+off+with sets+off+with; start+out+with starts+out+with started+out+with; "
        "start+with starts+with started+with"
    ),
    "GAIN": (
        "add adds added; arrive arrives arrived; be+born is+born are+born was+born were+born; "
        "assemble assembles assembled; bake* bakes* baked; "
        "bring brings brought; bring+in brings+in brought+in; build builds built; buy buys bought; "
        "catch* catches* caught; collect collects collected; come+in comes+in came+in; cook* cooks* cooked; "
        "deliver delivers delivered; download downloads* downloaded; draw draws drew; "
        "earn earns earned is+paid was+paid are+paid gets+paid get+paid got+paid; fill fills filled; "
        "fill+up fills+up filled+up; find finds found; gather gathers gathered; get gets got; "
        "get+back gets+back got+back; get+in gets+in got+in; get+on gets+on got+on; "
        "harvest* harvests* harvested; hire* hires* hired; install installs installed; "
        "invite invites invited; join joins joined; knit knits knitted; load* loads* loaded; "
        "make makes made; manufacture manufactures manufactured; order* orders* ordered; "
        "paint* paints* painted; pick picks picked; pick+out picks+out picked+out; "
        "pick+up picks+up picked+up; plant* plants* planted; pour pours poured; prepare prepares prepared; "
        "print* prints* printed; produce produces produced; purchase purchases* purchased; "
        "put+back puts+back; receive receives received; save saves saved; set+up sets+up; sew sews sewed; "
        "take+home takes+home took+home; type* types* typed; win* wins* won"
    ),
    "LOSE": (
        "break* breaks broke broken; burn burns burned; burst bursts; check+out checks+out checked+out; "
        "consume consumes consumed; cut+off cuts+off; die dies died; donate donates donated; "
        "drink* drinks* drank; drop* drops dropped; eat eats ate eaten; eat+up eats+up ate+up; "
        "fly+away flies+away flew+away; get+broken gets+broken got+broken; get+off gets+off got+off; "
        "get+out gets+out got+out; give+away gives+away gave+away; give+out gives+out gave+out; "
        "go+home goes+home went+home; hand+out hands+out handed+out; hop+off hops+off hopped+off; "
        "leak* leaks* leaked; leave leaves; lend lends lent; lend+out lends+out lent+out; lose loses lost; "
        "mail* mails* mailed; melt melts melted; pay+back pays+back paid+back; pop* pops* popped; "
        "pour+out pours+out poured+out; "
        "read reads; recycle recycles recycled; remove removes removed; run+away runs+away ran+away; "
        "sell sells sold; send sends sent; ship* ships* shipped; spill spills spilled; swap swaps swapped; "
        "swim+away swims+away swam+away; take+away takes+away took+away; take+out takes+out took+out; "
        "tear+out tears+out tore+out; tear+up tears+up tore+up; throw+away throws+away threw+away; "
        "throw+out throws+out threw+out; trade+away trades+away traded+away; use uses used; "
        "use+up uses+up used+up; walk+away walks+away walked+away; waste wastes wasted"
    ),
    "ACT": (
        "answer answers* answered; attend attends attended; beat* beats*; blink blinks* blinked; "
        "call* calls* called; check* checks* checked; clean cleans cleaned; complete completes completed; "
        "cross crosses crossed; drip drips* dripped; feed feeds fed; finish finishes finished; "
        "fix fixes fixed; help* helps helped; hit hits*; iron irons ironed; jump* jumps* jumped; "
        "lay lays laid; learn learns learned; like likes liked; live lives lived; love loves loved; "
        "meet meets met; memorize memorizes memorized; mow mows mowed; pass* passes* passed; "
        "play plays* played; practice* practices* practiced; prefer prefers preferred; "
        "record* records* recorded; repair* repairs* repaired; ring* rings* rang; score* scores* scored; "
        "see sees saw; serve serves served; shoot shoots shot; sing sings sang; sleep sleeps slept; "
        "solve solves solved; speak speaks spoke; study studies studied; teach teaches taught; "
        "treat treats treated; visit* visits* visited; wash* washes washed; watch* watches* watched; "
        "wear wears wore; write writes wrote"
    ),
    "GIVE": "give gives gave given",
    "SPEND": "owe owes owed; pay pays paid; spend spends spent",
    "TAKE": "take takes took",
    "COST": "come+to comes+to came+to; cost costs",
    "MOVE": (
        "bike* bikes* biked; bounce bounces bounced; come comes came; cover covers covered; "
        "crawl crawls crawled; cycle cycles* cycled; drive* drives* drove; flow flows flowed; "
        "fly flies* flew; go goes went; hike hikes* hiked; jog* jogs* jogged; march marches marched; "
        "move moves moved; pump* pumps* pumped; ride* rides* rode; roll* rolls* rolled; row* rows* rowed; "
        "run* runs* ran; sail* sails* sailed; skate* skates* skated; ski skis skied; swim swims swam; "
        "travel* travels traveled travelled; walk* walks* walked"
    ),
    "INVEST": "borrow borrows borrowed; deposit* deposits* deposited; invest invests invested; put puts",
    "EARN": "take+in takes+in took+in",
    "NEED": "call+for calls+for called+for; need needs needed; require requires required; want wants wanted",
    "WORK": "park* parks* parked; stay* stays* stayed; work* works* worked",
    "SHARE": "divide divides divided; share* shares* shared; split splits",
    "CUT": "cut* cuts*",
    "PACK": "pack* packs* packed",
    "WEIGH": "measure measures measured; weigh weighs weighed",
    "CHARGE": "charge charges* charged",
    "RISE": "climb climbs climbed; go+up goes+up went+up; increase increases* increased; rise* rises* rose* risen",
    "FALL": "decrease decreases* decreased; fall falls* fell fallen; go+down goes+down went+down; sink sinks sank",
    "CHANGE": "discounted; lower lowers lowered; raise raises raised; reduce reduces reduced",
    "MULTIPLY": "double doubles* doubled; quadruple quadruples quadrupled; triple triples* tripled",
    "REMAIN": "remain remains remained",
    "LAST": "last lasts lasted",
    "BE": "be is are was were am been",
}

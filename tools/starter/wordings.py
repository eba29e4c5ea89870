"""More wordings of what users ask, for the second lesson of the corpus.

The first lesson teaches the forms of answers and the facts with few wordings; the second goes on
with many, so that a user's own words are met more often. The new wordings of the evaluation are in
neither.
"""

SUBJECT = [
    "[Think of|Find|Invent|Propose|Offer|Craft|Produce|Prepare|Formulate|Provide] [a|one|a good|a "
    "catchy|a nice] [subject line|email subject|mail subject|headline] for {p}",
    "[I have to|I must|I am about to|We want to|We will] [write to|email|mail|contact|inform] "
    "[our customers|customers|clients|our subscribers|all customers] about {p}. [Suggest|I "
    "need|Give me|Propose|Write] a subject line",
    "[We are launching|We launch|We now sell|We just got|We introduce|New in our shop:] {p}. "
    "[Write|Give me|I need|Suggest] a subject line",
    "[Subject line|Email subject|Headline|Mail subject] [wanted|needed|please|required] "
    "[for|about|on] {p}",
    "[What|Which] [headline|subject|subject line|email subject] [would|could|should|can] "
    "[fit|suit|go with|I use for|we use for|you choose for|you pick for] {p}",
    "[Title|Headline|Subject] [of|for] [an email|a mail|a newsletter|the newsletter] "
    "[about|on|with] {p}",
    "[Put|Turn] {p} into a subject line", "[Help me|Can you help me|Please help] "
    "[with|write|find] a subject line for {p}",
    "An email about {p} needs a [subject line|subject|headline]",
    "[How should|How could|How would] [an email|a newsletter|a mail] about {p} be "
    "[titled|called|headed]",
]
SUBJECT_TONED = [
    "[How would {a_t} subject line for {p} sound|What would {a_t} subject line for {p} be]",
    "[I would like|Let me have|Get me|Find me|Show me] {a_t} [subject line|email "
    "subject|headline] for {p}",
    "[Sound {t}|Be {t}] and [write|draft|suggest] a subject line for {p}",
    "[One|A] {t} [subject line|headline|email subject], [the topic is|about|product:|for] {p}",
    "{p}: {t} [subject line|email subject|headline]", "{p}, subject line, {t}",
]
AD = [
    "[Think of|Invent|Propose|Craft|Produce|Prepare|Formulate|Provide] [an ad|an advert|ad copy|a "
    "sales text|a promo text] for {p}",
    "[Help me|Can you help me|Please help me] [sell|advertise|promote|market] {p}",
    "[Sell|Market|Present|Praise|Recommend|Introduce] {p} [to our customers|to customers|in a few "
    "words|in a few sentences|to the reader|]",
    "[We are launching|We launch|We now sell|We just got|New in our shop:] {p}. [Write|Give me|I "
    "need|Draft] [an ad|ad copy|a text for it]",
    "[Text|Copy|Words|Sentences] [for an ad|for a leaflet|for a poster|for a flyer|for the "
    "website] about {p}",
    "[Write|Draft|I need|Give me] [a leaflet|a flyer|a poster|a social media post|a post|an "
    "announcement|a commercial|a teaser] [for|about] {p}",
    "[What would|How would] you [say to sell|write to sell|advertise|promote|praise] {p}",
    "[Make|Get] people [want|buy|love] {p}",
]
AD_TONED = [
    "[I would like|Let me have|Get me|Show me] {a_t} [ad|advert|advertisement|text|post] "
    "[for|about] {p}",
    "[Sound {t}|Be {t}] and [advertise|sell|promote|praise|present] {p}",
    "[Sell|Promote|Present|Market|Praise|Introduce] {p} in {a_t} [tone|way|style|manner|voice]",
    "[A|One] {t} [ad|advert|advertisement|text|paragraph], [about|for|product:] {p}",
    "{p}: {t} [ad|ad copy|advert|text]", "{p}, ad, {t}",
]
WAYS = ["in {a_t} manner", "with {a_t} voice", "with {a_t} sound", "sounding {t}",
        "[rather|quite|very] {t}",
        "let it sound {t}", "I prefer {t}", "style: {t}", "voice: {t}", "the style should be {t}",
        "the voice is {t}", "it has to be {t}", "it must be {t}", "[be|stay] {t}",
        "the tone must be {t}",
        "{t} in tone", "{t} in style", "[the|our] mood is {t}", "give it {a_t} touch",
        "with {a_t} touch"]

# kind of question: wordings that name the product.
QUESTIONS = {
    "price": [
        "[What will I|What would I|What do I have to|How much do I have to|How much would I] "
        "[pay|spend] [for|on] {x}",
        "[How much|What] [do you charge|do you want|do you ask] for {x}",
        "[What sum|Which price|How much money] [for|is needed for|buys] {x}",
        "[Tell me|Say|I wonder|I want to know|Can you tell me] [what {x} cost{s}|how much {x} "
        "cost{s}|the price of {x}]",
        "{Is} {x} [expensive|cheap|affordable|dear|costly]", "[Price tag|Cost|Costs|Price please] "
        "[of|for] {x}", "{x}, price", "{x} in euros",
        "I [want|would like] to buy {x}, how much [{is} {it}|{does} {it} cost]",
        "What {is} {x} worth", "Can I afford {x}"],
    "weight": [
        "[Tell me|Say|I wonder|I want to know|Can you tell me] [what {x} weigh{s}|how heavy {x} "
        "{is}|the weight of {x}]",
        "[How many|What number of] [grams|kilos|kilograms] {does} {x} [weigh|have]",
        "[Grams|Kilos|Weight] of {x}", "{x} in grams",
        "How much [weight|load] {does} {x} [add|bring]", "[Will|Would] {x} [be heavy|weigh me "
        "down|be light enough]", "{x}, weight",
        "What [would|will] {x} weigh in my [pack|backpack|bag]",
        "What {does} {x} weigh on the scales", "{Is} {x} [lightweight|too heavy]"],
    "material": [
        "[Tell me|Say|I want to know|Can you tell me] what {x} {is} made of",
        "[What|Which] [fabric|stuff|cloth|metal|materials] {is} {x} [made of|made from]",
        "[What|Which] [fabric|stuff|material] [is used|was used|did you use|do you use] [for|in] "
        "{x}", "[Fabric|Stuff|Materials] of {x}",
        "From what [material|stuff|fabric] {is} {x}", "{x}, material",
        "What [did they make|do they make] {x} [of|from]"],
    "waterproof": [
        "[What happens to|What about] {x} in the rain", "[Can|May] I [wear|take|use] {x} [in "
        "heavy rain|when it rains|in a storm|in wet weather]",
        "{Does} {x} [leak|let water in|resist water|repel rain|survive rain|survive a storm]",
        "{Is} {x} [for wet weather|made for rain|rain safe|safe from water|impermeable]",
        "[Will|Would] {x} [stay dry|keep me dry|leak|let rain through]",
        "Do I have to [worry about|be afraid of] rain with {x}", "{x}, waterproof"],
    "use": [
        "[What kind of|What sort of|What|Which] [trips|trip|tours|outings|activity] {is} {x} "
        "[for|good for|made for|right for]", "[For what|To what use] {is} {x}",
        "[Tell me|Say|I want to know] what {x} {is} for", "What [occasion|purpose] {does} {x} "
        "[have|serve]", "On [what|which] [trip|tour|outing] [would|should|do] I take {x}",
        "[Purpose|Use] of {x}", "Where [should|do|can] I take {x}",
        "What [would|do] people do with {x}", "{x}, use"],
    "features": [
        "[Tell me|List|Name|Say|Show me] [the|all] [features|extras|details] of {x}",
        "[What|Which] [extras|details|properties|equipment] {does} {x} [have|offer|bring]",
        "[What can|What does the owner of] {x} [offer|get]", "[Why should I|Why would I] "
        "[buy|take|choose] {x}", "What {does} {x} [offer|bring|include]",
        "[Extras|Equipment] of {x}", "How {is} {x} equipped", "{x}, features",
        "What [sets|makes] {x} [apart|different]"],
    "season": [
        "[In which|In what] [months|time of the year|part of the year] [can|do|would|should] I "
        "[use|wear|take] {x}", "[Can|Could|May] I [use|wear|take] {x} [all year|in spring|in "
        "autumn|in the cold|in the snow|in July|in January]",
        "{Is} {x} [good|right|fit|made] for [the cold|all year|the summer|the winter|spring|snow]",
        "[Tell me|Say] [for which season|in what season] {x} {is} [made|good]",
        "[When|What season] {is} {x} [for|made for]", "{x}, season",
        "What time of year {is} {x} for"],
    "availability": [
        "[Can|Could|May] I [still|] [buy|have|order|get] {x}",
        "{Is} {x} [still|] [on sale|on offer|in the shop|to be had|obtainable|deliverable|gone]",
        "[Are there|Have you got|Do you still have] [any|some|] [pieces|items] of {x} "
        "[left|there|in stock|]", "[Stock|Availability|Stock level] of {x}", "{x}, in stock",
        "[How many|How much] [pieces of|of] {x} do you [still|] have", "Have you [still|] got {x}",
        "[I want|I would like] to [buy|order] {x}, {is} {it} [there|available]",
        "Did you run out of {x}"],
    "segment": [
        "[What|Which] [people|customers|kind of people|group|sort of customer] [{is} {x} for|buy "
        "{x}|use {x}|should buy {x}|would like {x}]", "[To whom|To which customers] "
        "[can|should|do] I [sell|show|offer|recommend] {x}",
        "Who [should|would|will|might] [buy|use|like|want|need|take] {x}",
        "[Target group|Target segment|Segment|Customers|Audience] [of|for] {x}", "{x}, segment",
        "[Tell me|Say] [who|for whom] {x} {is} [made|for]", "{Is} {x} for "
        "[families|beginners|alpinists|runners|commuters]", "Whom {is} {x} made for"],
    "overview": [
        "[Give me|I need|Show me|I want] [some|a few|more|all|] [information|details|facts] "
        "[about|on] {x}", "[Sum up|Summarise|Explain|Present|Introduce] {x}",
        "[What|How] about {x}",
        "[I am interested in|I am thinking about|I consider|My friend has] {x}. [Tell me "
        "more|What can you say|What do you know about {it2}]",
        "[Data sheet|Facts|Summary|Overview|Description] [of|for] {x}",
        "[Everything|All] about {x}", "{x}, please", "What should I know about {x}",
        "What kind of {kind} {is} {x}", "How {is} {x}"],
}

# topic of service.py: wordings.
SERVICE = {
    "delivery time": [
        "[When|What day|On what day|By when|How soon] [can|may|should|will] I "
        "[expect|receive|have|get] [it|my order|my parcel|the goods|my things|the tent]",
        "[How many|What number of] [working days|days|weeks] [do I wait|will it take|does it "
        "take|does shipping take|are needed]", "[How long|How many days] [until|before|till] [my "
        "order|it|the parcel|my package] [arrives|comes|gets here|is here|reaches me]",
        "[If I order|I order] [today|now|tomorrow|this week|on Friday], when [will it|does "
        "it|would it] [arrive|come|be here]", "[Time|Duration] of [delivery|shipping]",
        "[When|How soon] [does|will] [the|my] [parcel|package|delivery|order|box] [reach me|show "
        "up|turn up|arrive|be at my door]", "Is [delivery|shipping] [slow|quick|fast]",
        "What is the usual delivery time", "[Arrival|Arrival time] of [my order|an order|a "
        "parcel]"],
    "delivery cost": [
        "[What|How much] [will|would|do|must|should] I [pay|be charged|spend] for "
        "[delivery|shipping|postage|sending|the parcel]", "[What|How much] [do you charge|do you "
        "ask|do you take|is charged] for [sending|postage|delivering|a parcel|shipping]",
        "[Costs|Price|Fee|Charges] [of|for] [delivery|shipping|sending|postage]",
        "[Above|Over|From] [which|what] [value|order value|sum|total|amount] [is it free|do you "
        "ship free|do you send free|is postage free]", "Do you [send|ship|deliver] [for free|free "
        "of charge|at no cost|without a fee]",
        "Is there a [fee|charge|minimum] for [shipping|delivery|sending]",
        "[Who|Do I] [pays|pay] [the postage|for sending|for shipping]",
        "What does sending [it|a parcel|my order] cost", "[How expensive|How dear] is "
        "[delivery|shipping|sending]", "Is [sending|postage] [included|expensive]"],
    "express": [
        "[I leave|I am leaving|We leave|My flight goes|My holiday starts|The tour starts] "
        "[tomorrow|on Friday|in a few days|the day after tomorrow|soon]. [Can it be here|Can you "
        "send it faster|Will it arrive in time|Is there a fast way]",
        "[Can|Could] [you|I] [hurry|speed up|rush|get|have] [it|my order|the delivery|the parcel] "
        "[up|quicker|sooner|earlier|faster]",
        "[Quicker|Faster|Sooner|Overnight|Rush|Next-day] [delivery|shipping|please]",
        "[May|Can] I pay [more|extra] [for|to get] [faster|quicker|speedy] [delivery|shipping]",
        "[What if|And if] [I am in a hurry|it is urgent|I need it at once|I need it soon]",
        "Is [overnight|next-day|same-day|quick|rapid] [delivery|shipping] "
        "[possible|available|offered]", "[I am|We are] in a hurry",
        "Can it [come|arrive|be here] [by tomorrow|before the weekend|in time for my trip|within "
        "two days]"],
    "abroad": [
        "[Could|Would|Will|Can] [you|an order|a parcel] [send|ship|reach|go|get|deliver] "
        "[to|something to|a parcel to|me in|us in] {c}", "[My brother|My friend|My mother|My "
        "aunt|A friend] [lives in|is in|lives over in|moved to] {c}. [Can you send|Do you "
        "ship|Could you deliver] [it there|there|to her|to him|a parcel]",
        "Sending [something|a parcel|an order|it] to {c}", "[I am|We are|We live] in {c}, [can I "
        "order|do you send here|can you ship here|does it reach me]",
        "[Foreign|Other|European|Neighbouring] countries", "Is {c} [possible|fine|OK|included]",
        "[Delivery|Postage|Sending] to [{c}|foreign countries|abroad]"],
    "returns": [
        "[Will|Do|Would|Can] you [take|accept|have] [it|things|items|the jacket|the boots|my "
        "order] back", "[May|Can|Could] I [give|hand|bring|send|take] [it|the item|something|an "
        "item|things] back [later|after a week|if it does not fit|to you|]",
        "[My wife|My husband|My son|My daughter|She|He] [does not like|dislikes|does not want] "
        "[it|the colour|the jacket|the tent]. [Can I return it|What now|Can it go back]",
        "[I do not like|I dislike|I hate] [the colour|it|my new jacket|the fit]",
        "[How long|How many days|For how long] [may|can] I [return|bring back|give back|hand "
        "back|think about] [it|things|an item]",
        "[Period|Time limit|Deadline|Rules] for [returns|returning|sending back]",
        "[Returning|Sending back|Giving back] [an item|things|an order|a tent]",
        "Is there a right of return", "What [must|do] I do to [return|give back|send back] [it|an "
        "item|something]", "[It|The tent|The jacket] [is not what I wanted|disappoints me|was a "
        "mistake]. [Can I return it|Take it back]"],
    "refund": [
        "[When|How soon|By when|How fast] [will|do|are] you [pay|pay me|repay|refund|going to "
        "refund|going to pay] [back|me|my money back|me back|the money|the sum]",
        "[When|By when] [is|will|comes] [the money|my money|the sum|the amount] [be back|back|on "
        "my account|in my account|returned to me|repaid]",
        "[I have returned|I returned|You have|You got] [everything|my parcel|my return|the "
        "jacket] [back|], [when is my money paid|where is my money|when do I get paid|how soon do "
        "you repay]", "[Repayment|Money back|Refunds]", "[My|The] [refund|money|repayment] [has "
        "not come|is missing|is late|is not here]", "Will I [be repaid|be refunded|get the full "
        "price back|be paid back]"],
    "exchange": [
        "[The|My|These|Those] [boots|shoes|gloves|trousers] [pinch|are tight|are loose|do not "
        "fit|hurt|are too long|are too short]", "[May|Can|Could] I "
        "[trade|switch|swap|change|have] [it|them|my medium|my boots|a size] [for a large|for a "
        "small|for another size|up|one size up|one size down|a number bigger]",
        "[It|The jacket|This|My jacket] [does not fit|is tight|is loose|is too wide|is too long]",
        "[Another|A larger|A smaller|The next|A bigger] size [please|needed|instead|]",
        "[What must|What do|How can|How do] I [do to|] [exchange|swap|switch|trade|change] "
        "[sizes|the size|it|a jacket]", "[Exchanging|Swapping|Switching|Changing] [sizes|the "
        "size|an item]"],
    "warranty": [
        "[For how long|How many years|For how many months] [do you|are you] [guarantee|give a "
        "guarantee|liable|stand behind|vouch for] [your products|your goods|it|what you "
        "sell|things]", "[The|A|My] [seam|zip|pole|sole|buckle|strap|handle] [came "
        "off|broke|tore|ripped|came apart|split|failed]. [Am I covered|Is it covered|What now|Is "
        "that under warranty|]",
        "[Is|Are] [it|that|my boots|this damage|defects] [covered|under warranty|under guarantee]",
        "What if [it breaks|it fails|a seam opens|it does not last]",
        "[Warranty|Guarantee] [period|time|on tents|for a jacket|please]",
        "Do your [things|products|goods] [last|come with a warranty|have a guarantee]",
        "My [stove|headlamp|lantern] [stopped working|died|failed] [after a month|last "
        "week|yesterday|]"],
    "repair": [
        "[There is|I have|I found] a [hole|tear|rip|broken zip] in my "
        "[tent|jacket|fleece|backpack|mat|trousers]. [Can you mend it|Could you fix it|Who fixes "
        "it|What can I do|Can somebody patch it]", "[Could|Can|Would] [somebody|someone|you|your "
        "people] [patch|sew|mend|fix|restore|resole|repair] [it|my boots|my old tent|worn gear|a "
        "fleece|my mat]",
        "[Who|Where do you|Do you] [mends|fixes|repairs|patch|sew|mend|fix] [old gear|worn "
        "gear|gear|things|clothes]", "[Mending|Patching|Fixing|Repairing] [gear|a jacket|old "
        "things|a tent]", "[Workshop|Repair shop|Sewing service]",
        "What [would|does] [mending|fixing|patching|repairing] [it|my jacket|a tent] cost"],
    "tracking": [
        "[Can|Could|May|How can|How do] I [see|watch|check|follow|find out|learn] where [my "
        "order|my parcel|my box|it|the package] is", "[Has|Was|Did] my [order|parcel|box|package] "
        "[been sent|been posted|left|shipped|leave|get sent] [yet|already|]",
        "[How|Where] [do I|can I|will I] [know|see|learn|check] [if|whether] [it was sent|it is "
        "on its way|it was posted|my order has left]",
        "[Parcel|Order|Shipment] [status|tracking|number]", "Is my [order|parcel|box] on its way",
        "[Follow|Locate|Find] my [parcel|order|box]", "Where is it [now|right now|at the moment|]"],
    "payment": [
        "[What|Which] [are my options|options do I have|ways are there|means do you accept] [for "
        "paying|to pay|of payment|for the bill|]", "[Would|Is|Are] [a card|plastic|a credit "
        "card|cards|cash|an invoice] [fine|OK|accepted|possible|okay]",
        "[How|In what way] [can|may|do|should] I [settle|pay] [the bill|my bill|my order|the "
        "invoice|for it|you]",
        "[Settling|Paying] [the bill|my order|on account]", "[Checkout|Billing|Bank details]",
        "Can I [pay|settle] [in instalments|after delivery|with my phone|with cash|at the "
        "till|with a debit card]", "Do I have to pay [in advance|at once|now|by card]"],
    "opening hours": [
        "[Can|May|Could] I [drop in|come in|come round|come by|visit|stop by] [after work|at "
        "six|at noon|in the morning|on Saturday|tonight|on Sunday|at ten]",
        "[On which|On what|Which|What] days [are you open|can I come|is the shop open|do you "
        "open|can I visit]", "[At what time|What time|When] do you [open|close|shut]",
        "[When|Until when|How late|How early] [can|may] I [come|visit|shop|enter] [your shop|your "
        "store|the store|you|]", "[Shop|Store|Business] [hours|times]",
        "Is [anybody|anyone|someone|your store] [there|open] [on Monday|on Saturday|today|at "
        "night|on holidays]", "[Where|When] can I [find you|see the shop]"],
    "cancel": [
        "[Please|Can you|Could you] [stop|cancel|delete|revoke|withdraw|annul] [my order|the "
        "order|what I ordered|my purchase|it]", "[I no longer|I do not|I don't] [want|need] [my "
        "order|what I ordered|the tent I ordered|it any more]",
        "[How|Where] [may|can|do] I [call off|revoke|withdraw|stop|undo|take back] [my order|an "
        "order|a purchase|what I bought]",
        "[Calling off|Stopping|Cancelling|Undoing|Withdrawing] [an order|my purchase|it]",
        "I [regret|made a mistake with|want to undo] my [order|purchase]",
        "[Is|Would] it [be|] too late to cancel", "[Order|Purchase] [cancellation|withdrawal]"],
    "damaged": [
        "[I opened|I unpacked|We opened] [the box|the parcel|it] and [it was broken|found it "
        "broken|it was in pieces|half was missing|the pole was bent|it was torn]",
        "[Half|Part|One item|Some] of [my order|the parcel|what I ordered] [is missing|was not "
        "there|is not in the box|was missing]", "[The|My] [lantern|stove|flask|chair|helmet] "
        "[is|was|came|arrived] [smashed|cracked|bent|dented|scratched|in pieces|faulty]",
        "[You|The shop] [sent|delivered|shipped] [the wrong thing|something else|the wrong "
        "colour|a broken one|too little|only one boot]", "[Damage|Damaged goods|Missing "
        "parts|Wrong item|Broken on arrival]", "[What now|Help|Oh no|Bad luck]: [the parcel is "
        "damaged|it is smashed|it came broken|a part is missing]"],
    "pick-up": [
        "[May|Can|Could] I [come round|come by|come over|drive over] and "
        "[take|fetch|get|collect|pick up] [it|my order|the goods|my things]",
        "[I live|We live|My office is] [next door|near you|around the corner|nearby|close by]. "
        "[Can I fetch it|May I collect it|Can I come and get it|Must you post it]",
        "[Fetching|Collecting|Picking up] [my order|it|the goods] [in person|myself|at the shop|]",
        "[Instead of|Without] [delivery|posting|shipping], can I [come|fetch it|collect it|pick "
        "it up]", "[In-store|Store|Shop] [pick-up|collection]",
        "How soon [can|may] I [fetch|collect|pick up] [it|my order|the parcel]"],
    "gift card": [
        "[My|Our] [uncle|sister|friend|boss|neighbour] [has a birthday|gets married|loves "
        "hiking]. [What can I give|Do you have a voucher|Is there a gift card|What could I buy]",
        "[Is there|Do you have|Can I get|Have you got] [a coupon|a voucher|a card|something] [as "
        "a present|as a gift|to give away|for Christmas|for a birthday]",
        "[I am looking for|I want|We need|I seek] a [present|gift|voucher|coupon|surprise] [for "
        "my brother|for a hiker|for Christmas|for her birthday|]",
        "[Coupons|Vouchers|Presents|Gifts|Gift ideas]", "[What amounts|Which values|How much] [do "
        "your gift cards have|can I put on a gift card|are on your vouchers]",
        "[How long|Until when] [is|can] [a coupon|my voucher|the gift card] [valid|good|be used]",
        "Can I [spend|use|redeem] [a voucher|a gift card|my coupon] [here|later|in the shop]"],
}

# segment: more signs of it, in the first of segments.SIGNS' forms.
SIGNS = {
    "weekend hikers": ["[walks|strolls|wanders|hikes|rambles] [in|through|over] the "
                       "[hills|woods|forest|valleys|heath] [on Sundays|at weekends|on "
                       "Saturdays|now and then]", "goes [hiking|walking|rambling] [every "
                       "weekend|on free days|on Sunday mornings|with friends at weekends]",
                       "[likes|loves|enjoys] [day hikes|short hikes|easy trails|Sunday walks|hut "
                       "tours|circular walks]"],
    "families": ["[goes camping|goes on holiday|travels|hikes|camps] with [two kids|the family|a "
                 "daughter|three sons|a son|the whole family|small children|a pram|kids and "
                 "grandparents]", "has [children|two daughters|a son of six|twins|four kids|a new "
                 "baby]", "[looks for|buys|needs] [a tent for five|things for kids|small boots "
                 "for a daughter|gear for the whole family]",
                 "is [a mother of two|a father of three|a parent|a grandmother of five]"],
    "alpinists": ["[climbs|scales|goes up] [glaciers|ice falls|icy couloirs|high peaks|steep "
                  "faces|rock walls|summits|frozen waterfalls]",
                  "[is a mountain guide|goes mountaineering|leads rope teams|belays partners|does "
                  "alpine climbing]", "[spends holidays|is always|climbs] in the "
                  "[Alps|Himalaya|high mountains|Dolomites]",
                  "[needs|buys|owns] [ropes|carabiners|ice screws|a climbing helmet|crampons]"],
    "trail runners": ["[runs|jogs|races] [in the mountains|on trails|through the woods|mountain "
                      "races|up hills|marathons|fifty kilometres|before breakfast]",
                      "[trains for|enters|wins|signs up for] [races|an ultra|mountain runs|a "
                      "trail marathon|a hill race]", "[is a runner|is a marathon runner|runs "
                      "every day|jogs at dawn]"],
    "bikepackers": ["[rides|tours|travels|cycles] [on a loaded bike|across Europe by bike|with "
                    "bags on the frame|from village to town by bicycle|for weeks by "
                    "bicycle|through the country by bike]", "[packs a tent|carries camping "
                    "gear|has bags] on [a bike|the bicycle|a gravel bike]",
                    "[goes|is] on [bike tours|cycling trips|a cycling tour|long rides with a "
                    "tent]"],
    "paddlers": ["[takes|steers|rows|paddles] [a canoe|a kayak|a raft|a boat] [down the "
                 "river|along the coast|across lakes|through rapids|in white water]",
                 "[goes|is out] [kayaking|canoeing|rafting|paddling]",
                 "[lives on the water|loves white water|needs a paddle|travels by canoe|camps "
                 "along the river|keeps a boat in the shed]"],
    "winter campers": ["[pitches|puts up|sleeps in] a tent [in winter|on snow|at minus ten|in "
                       "December|in the frost|in Lapland]", "[camps|sleeps outside|spends nights "
                       "out] [in winter|in deep snow|in frost|in the cold|at minus fifteen|in "
                       "February]", "[digs snow caves|builds igloos|goes on ski tours|pulls a "
                       "sledge|loves snow and frost]"],
    "commuters": ["[cycles|walks|bikes|rides|goes] to [work|the office|the station|the "
                  "university|town] [every day|in all weather|in the rain|by bike|each morning]",
                  "[takes|catches] [the train|the tram|a bus|the underground] to [work|the "
                  "office|the city]", "[needs|buys|wants] [a bag for the laptop|a rain jacket for "
                  "the way to work|a backpack for the office]"],
    "ultralight hikers": ["[saves|counts|weighs|cuts] [grams|every gram|each gram|weight] [in the "
                          "backpack|on long trails|in the rucksack|wherever possible]",
                          "[walks|hikes] [long trails|the Pacific Crest|three thousand "
                          "kilometres|for months] with [a tiny pack|a light pack|five kilos]",
                          "[wants|buys|asks for] [the lightest gear|only the lightest|ultralight "
                          "gear|gear without weight]", "[sawed off|cut off] [the "
                          "toothbrush|straps] to save grams"],
}
SEGMENT_ASK = [
    "[In|Into|To] [which|what] [segment|customer segment|group|customer group|category|of our "
    "segments] [does|would|should|do you] [{d} belong|{d} fall|{d} fit|put {d}|sort {d}|place {d}]",
    "[There is|I met|I talked to|I spoke with|Today I saw|We have|Imagine|Take] {d}. [Which "
    "segment|What segment|Segment|Segment please|Name the segment|Tell me the group|Give me the "
    "segment]",
    "[File|Place|Group|Label|Categorise|Put] [this customer|this person|them] [in a segment|]: "
    "{d}", "{D}: [which segment|segment|what group|which group]",
    "[Tell me|Say|I need|Find out] [the segment|the customer segment|which segment fits] "
    "[for|of]: {d}", "{D}",
    "[How would you|How do you] [classify|segment|label|categorise|group] {d}",
    "[Someone|A customer] wrote to us, {d}. [Segment|Which segment|What segment is it]",
]

OFF_TOPIC = [
    "[Who|What] [is|was|are] [Einstein|Napoleon|the pope|Mozart|the internet|an atom|a "
    "noun|gravity|DNA|inflation|NASA]", "[When|Where] was [Goethe|Mozart|Rome|Paris|the first "
    "car] [born|built|founded|made]", "[Give me|Tell me] [a riddle|a fact|advice|the news|a "
    "story|some gossip|a number]", "[Can you|Could you|Please] [sing|dance|draw a picture|play "
    "chess|call me|write an essay|do my homework|read a book|drive a car|order pizza]",
    "[What|Which] [film|song|planet|animal|number|country|team] is [the best|the largest|the "
    "fastest|the oldest|your favourite]", "[How many|How much] "
    "[planets|people|legs|stars|hours|bones] [are there|has a spider|are in a day|exist]",
    "[Fix|Debug|Write|Explain] [my code|a loop|this bug|a website|SQL|a regular expression]",
    "[I feel|I am] [lonely|tired|angry|happy today|hungry|sick]",
    "[Is there|Do you believe in] [life on Mars|a god|luck|ghosts|free will]",
    "[What does|What do] [this word|hello|cats|birds] [mean|eat|dream of]",
    "[Convert|Turn] {n} [miles|dollars|pounds] into [kilometres|euros|kilos]",
    "[How do|How can] I [sleep better|learn to swim|get rich|grow tomatoes|make coffee|install "
    "Linux|tie a tie|become famous]", "[My|Our] [dog|car|phone|computer] is "
    "[ill|broken|slow|dirty]", "[Play|Turn on|Stop] [music|the light|the radio|the heating]",
]

# Things that are not sold here, so that a text's words come from the request and not from memory.
KINDS = """
sofa|chair|lamp|book|phone|guitar|piano|bottle|table|candle|carpet|spade|rake|ladder|helmet|saddle|
wheel|basket|bucket|broom|pillow|mattress|desk|mirror|clock|radio|speaker|keyboard|laptop|tablet|
drone|telescope|microscope|notebook|pencil|brush|hammer|saw|drill|rope ladder|swing|slide|trampoline|
ball|racket|surfboard|snowboard|skateboard|scooter|tricycle|trailer|caravan|car|boat|sail|anchor|
compass case|tent peg|tent pole|groundsheet|headband|bandana|apron|dress|sweater|hoodie|jumper|tie|
ring|necklace|bracelet|purse|suitcase|rucksack|briefcase|teapot|coffee maker|grinder|toaster|pan|pot|
spoon|fork|knife|plate|bowl|cup|glass|thermometer|barometer|altimeter|GPS device|walkie-talkie|fan|
heater|fireplace|axe|shovel|ice scraper|snow sledge|hand warmer|sleeping liner|travel towel|soap|
sun cream|mosquito net|pedometer|fitness tracker|heart rate belt|bell|lock|pump|repair kit|tyre|cheese|
chocolate bar|coffee|tea|honey|jam|apple|course|guided tour|workshop|membership|calendar|poster
""".replace("\n", "").split("|")
PLURAL_KINDS = """
gloves liners|headphones|earplugs|scissors|jeans|pyjamas|overalls|tights|earrings|curtains|flowers|
plants|seeds|tools|toys|cards|tickets|nuts|energy bars|cookies|tent pegs|guy lines|batteries|spare parts|
laces|insoles|stockings|boots|wellingtons|sneakers|ice skates|roller skates|fins|snow chains
""".replace("\n", "").split("|")
ADJECTIVES = """
elastic|wooden|plastic|metal|striped|white|black|brown|pink|purple|grey|silver|golden|round|square|
long|short|thick|thin|heavy|strong|tiny|huge|folding|electric|solar|digital|smart|vintage|modern|old|
cosy|padded|woollen|cotton|leather|organic|vegan|local|Swedish|Norwegian|Swiss|Italian|used|spare|
portable|inflatable|washable|adjustable|reflective|fireproof|quick-drying|lightweight|top-quality
""".replace("\n", "").split("|")

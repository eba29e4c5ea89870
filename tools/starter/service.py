"""What the shop answers about delivery, returns and the like.

Each topic: the questions of the corpus, the new wordings kept for the evaluation, the answers, and
what an answer must have to be right.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Topic:
    questions: list
    new: list
    answers: list
    must: list  # texts that the right answer holds


TOPICS = {
    "delivery time": Topic(
        ["How long does [delivery|shipping|standard delivery|the delivery|an order] take",
         "How long does it take to [deliver|ship|get my order|arrive]",
         "When will my [order|parcel|package|tent|jacket] [arrive|come|be here|be delivered]",
         "[What is|Tell me] the [delivery time|shipping time]", "Delivery time",
         "How [fast|quickly|soon] do you [deliver|ship]", "How many days [does delivery "
         "take|until it arrives]",
         "When do I get my [order|parcel]", "How long must I wait for my [order|parcel]",
         "Is delivery fast", "How soon can I have it", "What about delivery", "Delivery"],
        ["If I order on Monday, on which day could I expect it?",
         "Roughly how many days pass between my order and its arrival?"],
        ["Standard delivery takes 3 to 5 working days.",
         "Your order arrives within 3 to 5 working days."], ["3 to 5 working days"]),
    "delivery cost": Topic(
        ["[How much is|What is|What does] [delivery|shipping|standard delivery|postage][| cost]",
         "What [does delivery cost|does shipping cost|do you charge for delivery|do you charge "
         "for shipping]",
         "How much [does delivery cost|does shipping cost|do you charge for shipping|is postage]",
         "Is [delivery|shipping] free", "Do you [offer|have] free [shipping|delivery]",
         "Do I [have to|need to] pay for [delivery|shipping]", "Delivery [cost|costs|price|fee]",
         "Shipping [cost|costs|price|fee]", "Are there [shipping|delivery] costs",
         "When is [delivery|shipping] free", "From what amount is [delivery|shipping] free",
         "Shipping"],
        ["What will I be charged for having it sent to me?",
         "Is there an order value above which you send for nothing?"],
        ["Standard delivery costs 4.90 euros, and is free from 60 euros.",
         "Delivery is 4.90 euros; orders from 60 euros are delivered free."],
        ["4.90 euros", "60 euros"]),
    "express": Topic(
        ["Do you [offer|have] [express|express delivery|next-day delivery|overnight shipping]",
         "Can I [get|have] it [tomorrow|by tomorrow|the next day|faster]", "Express delivery",
         "[How much is|What does] express [delivery|shipping][| cost]",
         "I need it [tomorrow|very fast|quickly|urgently]. [Is that possible|Can you do that]",
         "Is there [a faster delivery|an express option|next-day delivery|a quicker way]",
         "Can you deliver [tomorrow|overnight|by tomorrow|within a day]", "Can you ship it faster",
         "How fast is express"],
        ["My trip starts in two days, can it be here before?",
         "Is there any quicker shipping that I could pay for?"],
        ["Express delivery brings it the next working day for 12.90 euros.",
         "Yes: with express delivery, for 12.90 euros, it arrives the next working day."],
        ["12.90 euros", "next working day"]),
    "abroad": Topic(
        ["Do you [deliver|ship|send] [abroad|to other countries|internationally|to {c}|outside "
         "the country]",
         "Can you [deliver|ship|send it] to {c}", "Shipping to {c}",
         "I live in {c}. Do you [ship|deliver] [there|here|to me]",
         "[How much is|What does] [delivery|shipping] to {c}[| cost]",
         "International [shipping|delivery]",
         "How long does [delivery|shipping] to {c} take", "Which countries do you [deliver|ship] "
         "to",
         "Do you ship [worldwide|within Europe|in Europe|to the EU]"],
        ["My sister is in {c}; could you send a parcel to her?",
         "Would an order reach me over in {c}?"],
        ["We deliver to all of the EU in 5 to 8 working days for 9.90 euros.",
         "Within the EU we deliver abroad for 9.90 euros, in 5 to 8 working days."],
        ["9.90 euros", "5 to 8 working days"]),
    "returns": Topic(
        ["What is your return policy", "How do returns work",
         "Can I [return|send back|bring back] [it|this|an item|a jacket|my order|the "
         "tent|something]",
         "How [long|many days] do I have to [return it|return an item|send it back|bring it back]",
         "Can I send [it|things|something] back", "How do I [return|send back] [something|an "
         "item|my order|a product]",
         "I want to [return|send back|give back] [my order|a jacket|the boots|something|it|a tent]",
         "What if [I do not like it|it does not fit|I change my mind|I am not happy with it]",
         "Return policy", "Returns", "Do you [accept|take] returns",
         "Until when can I return [it|my order|something]",
         "Is [returning|a return] [possible|free]", "How long is the return period",
         "Do I [pay for|have to pay for] returns"],
        ["My partner hates the colour, will you take it back?",
         "For how long after buying may I hand an item back?"],
        ["You can return unused items within 30 days, free of charge.",
         "Returns are free for 30 days, as long as the item is unused."], ["30 days"]),
    "refund": Topic(
        ["When [do I get|will I get|can I expect] my [money|refund|money back]",
         "How long does [a refund|the refund|my refund] take", "How do refunds work",
         "Where is my [refund|money]", "I [sent back|returned] my order. When [do I get|will I "
         "see] my money",
         "Refund", "Do I get my money back", "How will I be refunded", "When is the refund paid",
         "I am waiting for my [refund|money]"],
        ["The parcel is on its way back to you; how soon are you going to repay me?",
         "By when will the sum be on my account again?"],
        ["Refunds are paid within 7 days after your return reaches us.",
         "You get your money back within 7 days of your return reaching us."], ["7 days"]),
    "exchange": Topic(
        ["Can I [exchange|swap|change] [it|my jacket|the boots|the size|an item]",
         "I need [another|a different|a bigger|a smaller] size",
         "The [boots|jacket|shoes|trousers] [is|are] too [small|big|tight|large]",
         "How do I exchange [an item|something|it|the boots]", "Exchange",
         "I ordered the wrong size",
         "Do you exchange sizes", "Can I get a [bigger|smaller|different] size"],
        ["These pinch my toes, may I have the next number up?",
         "What must I do to trade a medium for a large?"],
        ["We exchange sizes free of charge within 30 days; just write the new size on the return "
         "slip.",
         "Exchanging a size is free within 30 days: write the new size on the return slip."],
        ["30 days", "return slip"]),
    "warranty": Topic(
        ["[Is there|Do you give|What about] [a warranty|a guarantee]",
         "How long is the [warranty|guarantee]",
         "What [warranty|guarantee] do [you give|I get|I have]", "Warranty", "Guarantee",
         "[My tent|The zip|My jacket|My stove|It] [broke|is broken|is defective|fell apart|does "
         "not work]",
         "How long are your products guaranteed", "My [backpack|tent|lamp] [broke|tore] after [a "
         "year|two months|six months]"],
        ["For how many years do you stand behind what you sell?",
         "A seam came apart last week, am I covered?"],
        ["Everything we sell has a warranty of 3 years.",
         "You have a warranty of 3 years on everything we sell."], ["3 years"]),
    "repair": Topic(
        ["Do you [repair|fix|mend] [things|gear|tents|jackets|zips|boots]",
         "Can you [repair|fix|mend] my [tent|jacket|backpack|zip|boots]",
         "[How much is|What does] a repair[| cost]", "Repairs", "Is there a repair service",
         "Where can I have my [tent|jacket|boots] repaired", "Do you have a workshop"],
        ["There is a hole in my favourite fleece, could somebody patch it?",
         "Who looks after worn gear at your place?"],
        ["Our workshop repairs gear from 15 euros, usually within 2 weeks.",
         "Yes, our workshop does repairs: from 15 euros, usually within 2 weeks."],
        ["15 euros", "2 weeks"]),
    "tracking": Topic(
        ["[Where is|How can I track|How do I track|Can I track] my [order|parcel|package]",
         "Tracking", "Do I get a tracking [number|link]", "How do I [follow|find] my parcel",
         "Track my [order|parcel|package]", "I have not got a tracking number",
         "What is the status of my order"],
        ["Could I watch where my box is right now?",
         "How am I to know whether it was posted?"],
        ["The tracking link is in the email we send when your parcel leaves.",
         "We send you an email with a tracking link when your parcel leaves."], ["tracking link"]),
    "payment": Topic(
        ["How can I pay", "[Which|What] [payment methods|ways of paying|payments] do you "
         "[accept|take|offer]",
         "Can I pay [by card|by invoice|by bank transfer|with a credit card|on account|later]",
         "Do you [accept|take] [cards|credit cards|invoices|bank transfers]", "Payment",
         "How do I pay",
         "Payment [methods|options]", "Is paying by [card|invoice] possible"],
        ["What are my options for settling the bill?",
         "Would plastic be fine at the checkout?"],
        ["You can pay by card, by bank transfer or on invoice.",
         "We accept cards, bank transfers and payment on invoice."], ["card", "bank transfer",
                                                                      "invoice"]),
    "opening hours": Topic(
        ["When are you open", "What are your [opening hours|opening times|hours]", "Opening hours",
         "Are you open [today|on Sunday|on Saturday|tomorrow|at the weekend|in the evening]",
         "When does the shop [open|close]", "When can I [visit|come by|come to the shop]",
         "How long are you open", "Until when is the shop open",
         "Is the shop open on [Saturday|Sunday|Monday]"],
        ["Can I drop in after work at half past five?",
         "On which days could I step into your store?"],
        ["The shop is open Monday to Saturday from 9 to 18.",
         "We are open Monday to Saturday, from 9 to 18."], ["Monday to Saturday", "9 to 18"]),
    "cancel": Topic(
        ["Can I cancel my order", "How do I cancel [my order|an order|it]",
         "I want to cancel [my order|it]",
         "Cancel my order", "I [ordered|bought] [by mistake|twice|the wrong thing]", "Cancellation",
         "Is it possible to cancel", "Can I still cancel", "I changed my mind about my order, can "
         "I cancel"],
        ["Please stop what I just bought, I no longer want it.",
         "How may I call off a purchase?"],
        ["You can cancel an order free of charge until it leaves our warehouse; use the link in "
         "your confirmation.",
         "Until it leaves our warehouse an order can be cancelled free of charge, with the link "
         "in your confirmation."],
        ["warehouse", "confirmation"]),
    "damaged": Topic(
        ["My [parcel|order|package|lamp|stove] [arrived|came] [damaged|broken|torn]",
         "[Something|A part|An item|A pole] is missing",
         "The [box|parcel|package] [was|is] damaged", "I [got|received] [the wrong item|a broken "
         "item|the wrong product|a damaged parcel]",
         "What do I do if [it arrives damaged|something is missing|the parcel is damaged]",
         "There is [a part|something] missing in my parcel", "You sent me the wrong "
         "[size|colour|item]"],
        ["I opened the box and found it smashed.",
         "Half of what I paid for was not in there!"],
        ["We are sorry. Send us a photo within 14 days, and we replace it free of charge.",
         "Sorry about that. Please send us a photo within 14 days; we replace it free of charge."],
        ["photo", "14 days"]),
    "pick-up": Topic(
        ["Can I [pick up|collect] [my order|it] [in the shop|in store|myself]",
         "Do you [offer|have] [pick-up|click and collect]",
         "Can I [pick it up|collect it|fetch it] [in the shop|at the store|myself|from you]",
         "Click and collect", "Pick-up",
         "Is pick-up [possible|free]", "When can I [collect|pick up] my order",
         "How does pick-up work"],
        ["May I come round and take the goods with me?",
         "I live next door, so must it be posted at all?"],
        ["Pick-up in the shop is free, and ready 2 hours after you order.",
         "Yes, you can pick it up in the shop: free, and ready 2 hours after you order."],
         ["2 hours", "free"]),
    "gift card": Topic(
        ["Do you [have|sell|offer] [gift cards|vouchers|gift vouchers]",
         "Can I buy a [gift card|voucher]", "Gift cards",
         "I need a [present|gift] for [a friend|my father|my sister|someone]",
         "How long is a [gift card|voucher] valid",
         "Is there a [gift card|voucher]", "Gift voucher", "What gift cards do you have"],
        ["My uncle can choose for himself; is there something I could give him to spend at your "
         "place?",
         "Is there a coupon that I could put under the tree?"],
        ["We have gift cards from 10 to 200 euros, valid for 3 years.",
         "Yes, gift cards from 10 to 200 euros; they are valid for 3 years."], ["10 to 200 euros",
                                                                                "3 years"]),
}

COUNTRIES = ["France", "Austria", "Spain", "Italy", "Sweden", "Poland", "Denmark", "Finland",
             "the Netherlands", "Belgium", "Portugal", "Ireland", "Greece", "Germany", "Estonia",
             "Slovenia", "Croatia", "Hungary"]

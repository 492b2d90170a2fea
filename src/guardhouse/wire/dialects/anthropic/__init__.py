"""The dialect of Anthropic's API: messages, streamed and whole, the counting of their tokens, and models.

One file for each thing the path asks of a dialect, as in the package beside it: `routes` (what is asked?), `headers`
(which of the caller's go on?), `request` (has it the right shape, and what does the upstream get?), `lengths` (how long
may the answer be?), `texts` (where is content?), `answer` (what did it cost, how did it end?), `events` and `passage`
(the same for answers that flow) and `errors` (how a refusal looks); `dialect` puts them together. Everything else
serves those.
"""

"""The dialect of OpenAI's API: chat completions, completions, responses, embeddings, moderations, models.

One file for each thing the path asks of a dialect: `routes` (what is asked?), `request` (has it the right shape, and
what does the upstream get?), `lengths` (how long may the answer be?), `texts` (where is content?), `answer` (what did
it cost, how did it end?), `streams` (the same for answers that flow) and `errors` (how a refusal looks); `dialect` puts
them together. Everything else in here serves those.
"""

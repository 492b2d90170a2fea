"""The dialect of OpenAI's API: chat completions, completions, responses, embeddings, models.

One file for each thing the path asks of a dialect: `routes` (what is asked?), `request` (has it the right shape, and
what does the upstream get?), `texts` (where is content?), `answer` (what did it cost, how did it end?), `stream` (the
same for answers that flow) and `errors` (how a refusal looks). Everything else in here serves those.
"""

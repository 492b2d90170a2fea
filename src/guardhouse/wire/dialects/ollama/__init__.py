"""The dialect of Ollama's own API: chat, generate, embed, tags.

One file for each thing the path asks of a dialect: `routes` (what is asked?), `request` (has it the right shape, and
what does the upstream get?), `lengths` (how long may the answer be?), `texts` (where is content?), `answer` (what did
it cost, how did it end?), `lines` (the same for answers that flow, as lines of JSON), `errors` (how a refusal looks);
`dialect` puts them together. Source: Ollama's API documentation and its Go types (api/types.go).
"""

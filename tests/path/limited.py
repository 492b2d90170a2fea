"""Configurations of one policy with limits, for the plays that are about them."""


def config(limits: str, model: str = "", may: str = "[chat, completions, responses, embeddings]") -> str:
    return f"""
targets:
  local: {{kind: openai, url: "http://127.0.0.1:9"}}
models:
  small: {{targets: [local]{model}}}
policies:
  - name: research
    who: {{groups: [research]}}
    may: {may}
    models: [small]
    limits: {limits}
"""


PRICED = ", price: {input: 1 EUR/1M, output: 2 EUR/1M}, max_output: 1000, preamble: 0"

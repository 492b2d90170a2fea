"""The dialect of KServe v2, also called the Open Inference Protocol: infer, readiness and metadata, over REST and gRPC.

`routes` says what is asked, `request` whether it has the right shape, `values` whether a tensor holds what it says,
`contents` which texts are in it, `held` whether it fits the model's contract. `binary` reads and writes tensors in the
form that has raw bytes behind the JSON. `about` is what the gateway itself answers. `dialect` puts them together.
"""

"""OpenAI's files and batches, as far as they are about inference: files with requests, batches of them, their results.

`lines` knows a file of requests, `upload` the form it comes in and goes out in, `order` the request for a batch, `ids`
what stands at the model server and how its ids are exchanged, `results` what a file holds that comes back; `dialect`
puts them together, and `routes` says what there is. Which of OpenAI's other endpoints a request is for is for the
dialect of those (`openai`) to judge: every line is held to what would be asked of it there.
"""

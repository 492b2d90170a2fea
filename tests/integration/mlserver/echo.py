"""The model that MLServer runs in the tests: it answers with the texts that it was given, and one of its own.

Runs in MLServer's own environment, not in that of the tests.
"""

import asyncio

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.errors import MLServerError
from mlserver.types import InferenceRequest, InferenceResponse


class Echo(MLModel):  # type: ignore[misc]
    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        texts = StringCodec.decode_input(payload.inputs[0])
        if "fail" in texts:
            raise MLServerError("it failed for bob@example.org", 422)
        if "slow" in texts:
            await asyncio.sleep(30)
        return InferenceResponse(
            id=payload.id,
            model_name=self.name,
            model_version=self.version,
            outputs=[StringCodec.encode_output("echo", [*texts, "call eve@example.org"])],
        )

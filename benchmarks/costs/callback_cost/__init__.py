"""What the callbacks cost: epochs with none, with each and with all, beside the usual way."""

SUMMARY = "epoch time with each callback, beside none and a `predict` at each epoch's end"

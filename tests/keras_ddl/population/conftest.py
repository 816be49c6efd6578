"""Two cores, so that members really train side by side."""

import warnings

from keras_ddl.population import CoresNotSplit, OneDNNOff, use_cores

with warnings.catch_warnings():
    warnings.simplefilter("ignore", CoresNotSplit)  # other tests have started the backend
    warnings.simplefilter("ignore", OneDNNOff)
    use_cores(2)

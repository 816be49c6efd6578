"""Two cores, so that members really train side by side."""

import warnings

from keras_ddl.population import CoresNotSplit, use_cores

with warnings.catch_warnings():
    warnings.simplefilter("ignore", CoresNotSplit)  # other tests have started the backend
    use_cores(2)

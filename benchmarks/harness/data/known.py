"""The known data sets: shapes, sizes, files and their checksums."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """A published data set.

    Args:
        name: the name that users pass to `--dataset`.
        title: the name that tables print.
        shape: `(height, width, channels)` of one image.
        classes: the names of the class folders in image folders, in the order of the labels.
        train_counts: the number of training images of each class.
        test_counts: the number of test images of each class.
        folders: sub-folders of a data folder that are searched for the files.
        files: the files that a user needs, in words.
        url: a file on the host from which `tensorflow-datasets` downloads. A request for its
            headers tells whether the host answers.
        md5: checksums of published files, by file name.
        contents: known values of `dataset.content` for the published arrays.
        lossy_contents: known values of `dataset.content` for JPEG copies.
    """

    name: str
    title: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    train_counts: tuple[int, ...]
    test_counts: tuple[int, ...]
    folders: tuple[str, ...]
    files: str
    url: str
    md5: Mapping[str, str]
    contents: tuple[str, ...] = ()
    lossy_contents: tuple[str, ...] = ()


_IDX_FILES = (
    "train-images-idx3-ubyte, train-labels-idx1-ubyte, "
    "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (raw or .gz)"
)
_DIGITS = tuple("0123456789")

_MNIST = Facts(
    name="mnist",
    title="MNIST",
    shape=(28, 28, 1),
    classes=_DIGITS,
    train_counts=(5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    test_counts=(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    folders=("mnist", "MNIST", "MNIST/raw"),
    files=f"{_IDX_FILES}, or mnist.npz",
    url="https://storage.googleapis.com/cvdf-datasets/mnist/t10k-labels-idx1-ubyte.gz",
    # Of the uncompressed files: some copies were compressed again, and Keras' mnist.npz holds the
    # same content.
    md5={
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    },
    contents=("sha256:df65bc3e240feb45b9d81a7a8b75d74132bb5c4cf5c9f0a0a9e0a028e5a40ac2",),
)

_FASHION_MNIST = Facts(
    name="fashion_mnist",
    title="Fashion-MNIST",
    shape=(28, 28, 1),
    classes=_DIGITS,
    train_counts=(6000,) * 10,
    test_counts=(1000,) * 10,
    folders=("fashion_mnist", "fashion-mnist", "FashionMNIST", "FashionMNIST/raw"),
    files=f"{_IDX_FILES}, or fashion_mnist.npz",
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-labels-idx1-ubyte.gz",
    # Of the compressed files: no checksums of the uncompressed ones are published.
    md5={
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
)

_CIFAR10 = Facts(
    name="cifar10",
    title="CIFAR-10",
    shape=(32, 32, 3),
    classes=(
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
    train_counts=(5000,) * 10,
    test_counts=(1000,) * 10,
    folders=(
        "cifar10",
        "cifar-10",
        "CIFAR10",
        "cifar-10-batches-py",
        "cifar-10-batches-py-target/cifar-10-batches-py",  # Keras 3 unpacks the archive here
        "cifar-10-batches-bin",
    ),
    files="cifar-10-python.tar.gz or cifar-10-binary.tar.gz (packed or not), or cifar10.npz, "
    "or images in train/<class>/ and test/<class>/",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    md5={
        "cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a",
        "cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530",
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
    },
    # The JPEG copy on which the stored results of this project were trained.
    lossy_contents=("sha256:45e3cb44c5f5c7dfe35a060517c99c1e263460d2f5c869e8542a9a1fccaf4c4e",),
)

FACTS = {facts.name: facts for facts in (_MNIST, _FASHION_MNIST, _CIFAR10)}

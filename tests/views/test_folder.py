import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from skdeepcluster import DEC
from skdeepcluster._discovery import all_datasets
from skdeepcluster.views import ImageFolder


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Digits as files, in a folder for each class, and a file that is no image."""
    root = tmp_path_factory.mktemp("digits")
    digits = load_digits()
    for i in range(90):
        folder = root / f"class {digits.target[i]}"
        folder.mkdir(exist_ok=True)
        pixels = (digits.images[i] * 15).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03}.{'PNG' if i % 2 else 'png'}")
    (root / "notes.txt").write_text("not an image")
    return root


def test_images_are_those_of_the_files(root):
    folder = ImageFolder(root, mode="L")
    assert len(folder) == 90 and folder.classes == [f"class {k}" for k in range(10)]
    digits = load_digits()
    for i in (0, 17, 89):
        file = int(folder.paths[i].stem)
        np.testing.assert_array_equal(folder[i][0], digits.images[file].astype(int) * 15)
        assert folder.targets[i] == digits.target[file]


def test_sizes_and_colors(root, tmp_path):
    assert ImageFolder(root, size=(6, 4))[0].shape == (3, 6, 4)
    red = np.zeros((3, 5, 3), np.uint8)
    red[..., 0] = 200
    Image.fromarray(red).save(tmp_path / "red.png")
    image = ImageFolder(tmp_path)[0]
    assert image.shape == (3, 3, 5) and image.max(axis=(1, 2)).tolist() == [200, 0, 0]


def test_a_deep_estimator_takes_a_folder_as_it_takes_an_array(root):
    folder = ImageFolder(root, mode="L")
    dec = DEC(3, hidden_layer_sizes=(16,), pretrain_epochs=1, max_epochs=1, random_state=0)
    labels = dec.fit_predict(folder)
    array = np.stack([folder[i] for i in range(90)])
    np.testing.assert_array_equal(labels, dec.fit_predict(array))
    np.testing.assert_array_equal(dec.predict(folder), labels)


def test_what_is_wrong_is_said(root, tmp_path):
    with pytest.raises(FileNotFoundError, match="not a folder"):
        ImageFolder(root / "nowhere")
    with pytest.raises(ValueError, match="no images"):
        ImageFolder(tmp_path)
    with pytest.raises(ValueError, match="'RGB' or 'L'"):
        ImageFolder(root, mode="CMYK")
    with pytest.raises(ValueError, match="height and a width"):
        ImageFolder(root, size=(3,))
    (tmp_path / "broken.png").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="broken.png cannot be read"):
        ImageFolder(tmp_path)[0]


def test_it_is_public():
    assert dict(all_datasets()) == {"views.ImageFolder": ImageFolder}

#!/usr/bin/env python3
"""Pictures through ImageDecoder: every format, pieces of files, files that lie. test_pictures.py HENCE"""

import pathlib
import struct
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cli")]

import numpy as np  # noqa: E402

import onnx_io as o  # noqa: E402
import pictures  # noqa: E402
from program import Program, main  # noqa: E402


class Pictures(Program):
    def decode(self, data, pixel_format="RGB"):
        """The pixels, or the text of the error."""
        model, out = self.folder / f"{pixel_format}.onnx", self.folder / "out"
        node = o.node("ImageDecoder", ["data"], ["pixels"], pixel_format=pixel_format)
        model.write_bytes(o.model(o.graph([node], [o.value("data", o.UINT8, ["n"])], [o.value("pixels", o.UINT8)])))
        np.save(self.folder / "data.npy", np.frombuffer(data, np.uint8))
        done = self.hence("predict", "-m", model, "--in", self.folder / "data.npy", "--out-dir", out, "-t", 1)
        if done.returncode == 0:
            return np.load(out / "pixels.npy")
        self.assertEqual(done.returncode, 1)  # no crash
        text = done.stderr.decode()
        if len(data) > 12 and "that this build knows" in text and data[:2] in (b"\xff\xd8", b"\x89P"):
            self.skipTest("built without its library")
        return text

    def test_every_format(self):
        for name, (data, width, height, middle, grey) in pictures.ALL.items():
            with self.subTest(name):
                got, want = self.decode(data), np.array(pictures.rows(width, height, middle), np.uint8)
                if grey:
                    want = np.repeat(want[:, :, :1], 3, axis=2)
                np.testing.assert_array_equal(got.shape, want.shape)
                # JPEG's colours are not exact.
                np.testing.assert_allclose(got.astype(int), want, atol=3 if name == "jpeg" else 0)

    def test_orders_of_colours(self):
        want = np.array(pictures.rows(), np.uint8)
        np.testing.assert_array_equal(self.decode(pictures.pnm(pictures.rows()), "BGR"), want[:, :, ::-1])
        grey = self.decode(pictures.pnm(pictures.rows()), "Grayscale")
        self.assertEqual(grey.shape, (5, 7, 1))
        np.testing.assert_allclose(grey[:, :, 0], want @ np.array([0.299, 0.587, 0.114]), atol=0.51)
        # White is 0 in some.
        flipped = self.decode(pictures.tiff(pictures.rows(), samples=1, meaning=0), "Grayscale")
        np.testing.assert_array_equal(flipped[:, :, 0], 255 - want[:, :, 0])

    def test_parts_of_files(self):
        for name in ("jpeg", "png2", "bmp24", "pnm", "tiff"):
            data = pictures.ALL[name][0]
            for n in (0, 1, 5, 12, 30, len(data) // 2, len(data) - 13):
                with self.subTest(name, n=n):
                    self.assertIsInstance(self.decode(data[:n]), str)

    def test_files_that_lie(self):
        row, bmp = pictures.rows(), pictures.bmp(pictures.rows())
        head = struct.pack("<ii", 1 << 14, 1 << 14)
        for says, data in (("too many", bmp[:18] + head + bmp[26:]), ("too many", pictures.pnm([row[0]], head=b"%s 99999 %d%d 255\n")),
                           ("too many", pictures.pnm([row[0]], head=b"%s 99999999999999999999 %d%d 255\n")),
                           ("IHDR", pictures.png(row, width=1 << 30, height=1 << 30)),
                           ("too early", bmp[:10] + b"\xff\xff\xff\xff" + bmp[14:]), ("packed", bmp[:30] + b"\1" + bmp[31:]),
                           ("without pixels", bmp[:18] + bytes(4) + bmp[22:]),
                           ("colour 1 of 1", pictures.bmp(row, 8, colours=1)),
                           ("values up to 65535", pictures.pnm(row, head=b"%s %d %d 65535 ")),
                           ("compressed", pictures.tiff(row).replace(b"\x03\x01\x03\0\1\0\0\0\1", b"\x03\x01\x03\0\1\0\0\0\5", 1)),
                           ("no format", b"GIF89a" + bytes(20)), ("no format", b"")):
            with self.subTest(says):
                self.assertRegex(self.decode(data), says)
        self.assertIn("pixel_format 'CMYK'", self.decode(bmp, "CMYK"))


if __name__ == "__main__":
    main()

"""The commands as a person runs them."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pandas as pd
import pytest

import medtx
from medtx.cli import main
from medtx.cli.parser import parser
from tests.conftest import ROOT, job
from tests.endpoint import BUCKET, account, endpoint, files, recorded, stored  # noqa: F401  fixtures

FOLDER = ROOT / "datasets" / "dictations"


def verbs() -> list[str]:
    return list(next(a for a in parser()._actions if a.metavar == "VERB").choices)


def test_every_verb_is_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    for verb in verbs():
        assert f"medtx {verb}" in readme, verb


def test_python_m_medtx_is_the_same_program():
    done = subprocess.run(
        [sys.executable, "-m", "medtx", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"medtx {medtx.__version__}\n"


def test_score_and_threshold_print_tables(capsys):
    against = [str(FOLDER / "results"), str(FOLDER / "references")]
    metadata = ["--metadata", str(FOLDER / "metadata.csv")]
    main(["score", *against, *metadata, "--by", "specialty"])
    out = capsys.readouterr().out
    assert re.search(r"^TOTAL +78 +8103 ", out, re.M)
    main(["threshold", *against, "--max-error", "0.2"])
    out = capsys.readouterr().out
    assert "more are missing altogether" in out
    assert out.count("\n") == 11


def test_what_was_left_out_is_said(tmp_path, capsys):
    (tmp_path / "good.json").write_text(json.dumps(job(("fine", 0.9), name="a")))
    (tmp_path / "alone.json").write_text(json.dumps(job(("fine", 0.9), name="b")))
    (tmp_path / "cut.json").write_text("{")
    (tmp_path / "a.txt").write_text("fine")
    main(["score", str(tmp_path), str(tmp_path / "a.txt")])
    err = capsys.readouterr().err
    assert "cut.json: at byte 1, its end: expected JSON" in err
    assert "without a reference, left out: b" in err


def test_errors_are_one_line_with_status_1(tmp_path):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "medtx",
            "transcribe",
            "no.wav",
            "--specialty",
            "urology",
            "--type",
            "dictation",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "medtx: no.wav: no such file or directory"
    assert "Traceback" not in done.stderr


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.sources += [value for name, value in attrs if name in ("src", "href")]


def test_the_demo_does_the_main_job(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "medtx", "demo", "--out", "demo"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert "Recognise 12 dictations, 2 of each specialty" in done.stdout
    assert re.search(r"^TOTAL +12 ", done.stdout, re.M)
    assert re.search(r"^TOTAL +78 +8103 ", done.stdout, re.M)
    assert "With 95% confidence" in done.stdout
    assert done.stdout.splitlines()[-1] == "Next: make lab, and open notebooks/01_quickstart.ipynb"
    assert "12/12" in done.stderr  # the bar
    assert len(medtx.read(tmp_path / "demo" / "results")) == 12
    report = (tmp_path / "demo" / "report.html").read_text()
    links = Links()
    links.feed(report)
    assert len(links.sources) == 2
    assert all(source.startswith("data:image/svg+xml;base64,") for source in links.sources)
    for said in ("RADIOLOGY", "TOTAL", "synthetic voices", "more are missing altogether", "deletions"):
        assert said in report


def test_read_says_what_was_found_and_keeps_its_tables(capsys, tmp_path):
    def run(*args: object) -> tuple[int, str, str]:
        status = 0
        try:
            main(["read", *map(str, args)])
        except SystemExit as stopped:
            status = stopped.code
        return status, *capsys.readouterr()

    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.json").write_text(json.dumps(job(("pain", 0.9), ("here", 0.5), name="a")))
    status, out, _ = run(folder, "--out", tmp_path / "out")
    assert status == 0
    assert "amazon-transcribe batch" in " ".join(out.split())
    assert "Transcripts: 1 recordings, 2 words" in out
    assert medtx.read(tmp_path / "out").text().to_dict() == {"a": "pain here"}
    (folder / "b.json").write_text("{")
    status, _, err = run(folder, "--csv", tmp_path / "csv")
    assert status == 1
    assert f"not read: {folder / 'b.json'}: at byte 1" in err
    assert (tmp_path / "csv" / "words.csv").read_text().startswith("recording,position,")
    status, _, err = run(folder / "b.json", tmp_path / "none.json")
    assert status == 2
    assert err.count("not read: ") == 2
    status, _, err = run(folder / "a.json", "--metadata", "none.csv")
    assert status == 2
    assert err == "medtx: none.csv: no such file or directory\n"


def test_score_as_json_and_html(capsys, tmp_path):
    against = [str(FOLDER / "results"), str(FOLDER / "references"), "--normalize", "medical"]
    main(["score", *against, "--by", "confidence", "--format", "json"])
    rates = json.loads(capsys.readouterr().out)
    assert rates["TOTAL"]["recordings"] == 78
    assert rates["TOTAL"]["wer"] <= rates["TOTAL"]["raw_wer"]
    assert set(rates) > {"0.9-1.0", "(none)"}
    main(["score", *against, "--format", "html", "--out", str(tmp_path / "score.html")])
    page = (tmp_path / "score.html").read_text()
    assert page.count('<details class="rec"') == 78
    assert "Commonest errors" in page
    main(["score", *against, "--out", str(tmp_path / "score.txt")])
    assert "raw WER %" in (tmp_path / "score.txt").read_text()


def test_a_threshold_is_kept_and_put_to_new_results(tmp_path, capsys):
    against = [str(FOLDER / "results"), str(FOLDER / "references"), "--normalize", "medical"]
    kept = str(tmp_path / "t.json")
    main(["threshold", *against, "--max-error", "0.2", "--unit", "5", "--out", kept, "--signed-by", "Dr Roe"])
    out = capsys.readouterr().out
    assert "Review 5 words around each below 0." in out
    assert f"kept in {kept}" in out
    words = tmp_path / "words.csv"
    main(["review", kept, str(FOLDER / "results"), "--out", str(words)])
    out = capsys.readouterr().out
    said = int(out.split(" of 8,981 words are to be reviewed")[0].split()[-1].replace(",", ""))
    assert pd.read_csv(words)["words"].sum() == said
    metadata = ["--metadata", str(FOLDER / "metadata.csv")]
    main(
        [
            "threshold",
            *against,
            *metadata,
            "--by",
            "noise",
            "--each",
            "--max-missed-per-1000",
            "250",
            "--out",
            kept,
        ]
    )
    assert "(for all 2 groups together)" in capsys.readouterr().out
    main(["review", kept, str(FOLDER / "results"), *metadata])
    assert "words are to be reviewed" in capsys.readouterr().out
    main(["threshold", *against, "--max-review", "0.3"])
    assert "at most 30% of the words of a new recording" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["review", str(FOLDER / "metadata.csv"), str(FOLDER / "results")])
    assert "expected a threshold saved by medtx" in capsys.readouterr().err


def test_transcribe_medical_from_first_to_last(endpoint, files, tmp_path, capsys, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    asked = ["transcribe", *map(str, files[:3]), "--specialty", "pediatrics", "--type", "conversation"]
    with pytest.raises(SystemExit):
        main([*asked, "--bucket", BUCKET])
    assert "medtx: --bucket is for --engine transcribe-medical" in capsys.readouterr().err
    asked += ["--engine", "transcribe-medical", "--bucket", BUCKET, "--endpoint-url", endpoint.endpoint_url]
    main([*asked, "--dry-run"])
    out = capsys.readouterr().out
    assert re.search(r"^TOTAL +by the public list price +1.8 +0.05625$", out, re.M)
    (tmp_path / "words.txt").write_text("Phrase\tDisplayAs\nmethotrexate\tMTX\n")
    (tmp_path / "wrong.txt").write_text("Phrase\nvitamin B12\n\nmethotrexate\n%\n")
    words = ["vocabulary", "create", "drugs", "words.txt", "--bucket", BUCKET]
    main([*words, "--endpoint-url", endpoint.endpoint_url])
    main(["vocabulary", "list", "--endpoint-url", endpoint.endpoint_url])
    main(["vocabulary", "check", "words.txt"])
    out = capsys.readouterr().out
    assert out.startswith("drugs: READY\n")
    assert out.endswith("words.txt: 1 phrases\n")
    with pytest.raises(SystemExit):
        main(["vocabulary", "check", "wrong.txt"])
    assert [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()] == [
        "at line 2, Phrase",
        "at line 2, Phrase",
        "at line 5, Phrase",
        "at line 5, Phrase",
    ]
    main(
        [
            *asked,
            "--vocabulary",
            "drugs",
            "--phi",
            "--tag",
            "study=A",
            "--clean",
            "--max-cost",
            "1",
            "--poll",
            "0.1",
        ]
    )
    done = capsys.readouterr()
    assert done.out == "<Transcripts: 3 recordings, 6 words> in results\n"
    assert "medtx: 3 files by batch: PRIMARYCARE is offered in batch" in done.err
    assert len(medtx.read("results")) == 3
    main(["vocabulary", "delete", "drugs", "--bucket", BUCKET, "--endpoint-url", endpoint.endpoint_url])
    assert stored(endpoint) == []

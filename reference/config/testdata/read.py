"""Prints what Python's configparser makes of each file: {"section.option": value or {"error": class}}."""
import configparser
import json
import sys


def read(path):
    parser = configparser.ConfigParser()
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
    except configparser.Error as error:
        return {"error": type(error).__name__}
    values = {}
    for section in parser.sections():
        for option in parser.options(section):
            try:
                values[f"{section}.{option}"] = parser.get(section, option)
            except configparser.Error as error:
                values[f"{section}.{option}"] = {"error": type(error).__name__}
    return values


for path in sys.argv[1:]:
    print(json.dumps(read(path), indent=1, sort_keys=True, ensure_ascii=False))

package understudy_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"
)

func TestLinksInPagesLeadSomewhere(t *testing.T) {
	links, broken, err := followLinks(os.DirFS("."))
	if err != nil || links == 0 {
		t.Fatalf("%d links followed, %v: the rule would hold for nothing", links, err)
	}
	for _, link := range broken {
		t.Error(link)
	}
}

func TestALinkThatLeadsNowhereIsFound(t *testing.T) {
	pages := fstest.MapFS{
		"README.md": {Data: []byte("# Top\n[a](docs/a.md#who-may-do-what) [self](#top) [web](https://example.org/#x) ![p](docs/p.png)\n" +
			"`[code](gone-1)`\n```\n[code](gone-2)\n# no heading\n```\n[b](docs/b.md) [c](docs/a.md#gone) [d](#no-heading) [e](docs/p.png#top)\n")},
		"docs/a.md":  {Data: []byte("## Who may `do` what?\n## Twice\n## Twice\n[folder](../docs/) [top](../README.md) [2nd](#twice-1) [3rd](#twice-2) [out](../../secret)\n")},
		"docs/p.png": {},
	}
	want := []string{
		"README.md: docs/b.md: there is no docs/b.md",
		"README.md: docs/a.md#gone: docs/a.md has no such heading",
		"README.md: #no-heading: README.md has no such heading",
		"README.md: docs/p.png#top: docs/p.png has no such heading",
		"docs/a.md: #twice-2: docs/a.md has no such heading",
		"docs/a.md: ../../secret: there is no ../secret",
	}
	links, broken, err := followLinks(pages)
	if err != nil || links != 12 || !slices.Equal(broken, want) {
		t.Errorf("of %d links (%v) found broken:\n%s", links, err, strings.Join(broken, "\n"))
	}
}

var (
	fenced  = regexp.MustCompile("(?ms)^```.*?^```")
	quoted  = regexp.MustCompile("`[^`\n]*`")
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	scheme  = regexp.MustCompile(`^[a-z]+:`)
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.*)$`)
)

// followLinks follows every link of every Markdown file that leads to a file of the
// checkout. It returns how many there are, and a line for each that leads nowhere.
func followLinks(checkout fs.FS) (links int, broken []string, err error) {
	err = fs.WalkDir(checkout, ".", func(page string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && passedOver(page) {
			return fs.SkipDir
		}
		if entry.IsDir() || path.Ext(page) != ".md" {
			return nil
		}
		text, err := fs.ReadFile(checkout, page)
		if err != nil {
			return err
		}
		prose := quoted.ReplaceAll(fenced.ReplaceAll(text, nil), nil)
		for _, found := range link.FindAllSubmatch(prose, -1) {
			target := string(found[1])
			if scheme.MatchString(target) {
				continue
			}
			links++
			if why := nowhere(checkout, page, target); why != "" {
				broken = append(broken, fmt.Sprintf("%s: %s: %s", page, target, why))
			}
		}
		return nil
	})
	return links, broken, err
}

// nowhere says why a link on a page leads nowhere, or "".
func nowhere(checkout fs.FS, page, target string) string {
	name, anchor, anchored := strings.Cut(target, "#")
	file := page
	if name != "" {
		file = path.Join(path.Dir(page), name)
	}
	if _, err := fs.Stat(checkout, file); err != nil {
		return "there is no " + file
	}
	if !anchored {
		return ""
	}
	if text, err := fs.ReadFile(checkout, file); err != nil || !slices.Contains(anchors(string(text)), anchor) {
		return file + " has no such heading"
	}
	return ""
}

// anchors lists the names by which links may call the headings of a page, as GitHub
// makes them: a second heading of the same words ends in -1.
func anchors(text string) []string {
	var names []string
	seen := map[string]int{}
	for _, found := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(found[1]))
		if n := seen[name]; n > 0 {
			names = append(names, fmt.Sprintf("%s-%d", name, n))
		} else {
			names = append(names, name)
		}
		seen[name]++
	}
	return names
}

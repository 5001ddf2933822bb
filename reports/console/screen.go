package console

import (
	"os"
	"strings"

	"github.com/charmbracelet/x/term"

	"github.com/understudy-conformance/understudy/reports/visible"
	"github.com/understudy-conformance/understudy/reports/words"
)

// Screen says what the output can show.
type Screen struct {
	Terminal bool // the cursor can move
	Color    bool
	Width    int // columns; 80 when unknown
}

// Detect looks at a file and the environment. NO_COLOR, when it is not empty,
// turns colours off; TERM=dumb turns off the moving cursor as well.
func Detect(f *os.File, getenv func(string) string) Screen {
	s := Screen{Width: 80}
	if !term.IsTerminal(f.Fd()) || getenv("TERM") == "dumb" {
		return s
	}
	s.Terminal = true
	s.Color = getenv("NO_COLOR") == ""
	if width, _, err := term.GetSize(f.Fd()); err == nil && width > 0 {
		s.Width = width
	}
	return s
}

// paint colours text. Its sequences are private-use characters until clean turns
// them into escapes: so everything else in a line, hostile escapes included, can
// be made visible at the last moment.
type paint struct{ on bool }

const (
	red    = "\uE001"
	green  = "\uE002"
	yellow = "\uE003"
	faint  = "\uE004"
	strong = "\uE005"
	plain  = "\uE000"
)

var sequences = strings.NewReplacer(red, "\x1b[31m", green, "\x1b[32m", yellow, "\x1b[33m", faint, "\x1b[2m", strong, "\x1b[1m", plain, "\x1b[0m")

func (p paint) in(sequence, s string) string {
	if !p.on || s == "" {
		return s
	}
	return sequence + s + plain
}

func (p paint) tone(tone words.Tone, s string) string {
	switch tone {
	case words.Good:
		return p.in(green, s)
	case words.Bad:
		return p.in(red, s)
	case words.Caution:
		return p.in(yellow, s)
	}
	return p.in(faint, s)
}

func (p paint) dim(s string) string  { return p.in(faint, s) }
func (p paint) bold(s string) string { return p.in(strong, s) }

// clean makes a line safe to print.
func (p paint) clean(line string) string {
	var out strings.Builder
	for rest := line; rest != ""; {
		at := strings.IndexFunc(rest, func(r rune) bool { return r >= '\uE000' && r <= '\uE005' })
		if at < 0 || !p.on {
			out.WriteString(visible.Line(rest))
			break
		}
		out.WriteString(visible.Line(rest[:at]))
		out.WriteString(sequences.Replace(rest[at : at+len(plain)]))
		rest = rest[at+len(plain):]
	}
	return out.String()
}

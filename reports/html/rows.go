package html

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/understudy-conformance/understudy/harness/verdict"
	"github.com/understudy-conformance/understudy/reports/visible"
)

// rows is a bounded list of lines of evidence.
type rows struct {
	Rows []row
	All  int // before it was bounded
}

type row struct {
	At, Who, Text, More string
	Arrow, To           string // of a frame: sign and direction in words
	Size                int
	Length, Payload     string // octets of a frame: its header and the rest
	Gap                 int    // rows left out here, instead of all the above
}

func (r *rows) add(x row) {
	r.Rows = append(r.Rows, x)
	r.All++
}

// bound keeps the first and the last rows and says how many it left out.
func (r *rows) bound(n int) {
	left := len(r.Rows) - n
	if left <= 0 {
		return
	}
	r.Rows = slices.Concat(r.Rows[:n/2], []row{{Gap: left}}, r.Rows[len(r.Rows)-(n-n/2):])
}

func frameRow(e verdict.Event, at string, width int) row {
	f := e.Frame
	out := row{At: at, Who: visible.Short(e.Run, 40), Text: visible.Short(f.Text, width), Size: f.Size, Arrow: "→", To: "to the implementation"}
	if f.Dir == "<" {
		out.Arrow, out.To = "←", "from the implementation"
	}
	payload := visible.Line(f.Octets)
	if f.Size >= headerSize {
		out.Length = pairs(fmt.Sprintf("%08x", f.Size-headerSize))
	}
	out.Payload = pairs(payload[:min(len(payload), width/2)])
	if len(payload) > width/2 || (f.Size-headerSize)*2 > len(payload) {
		out.Payload += " …"
	}
	return out
}

// headerSize is the length in front of every frame, in octets. The journal counts
// it in the size of a frame and leaves it out of the octets.
const headerSize = 4

// pairs puts a blank between octets.
func pairs(digits string) string {
	var b strings.Builder
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(digits[i:min(i+2, len(digits))])
	}
	return b.String()
}

// process is one process as it was seen last.
type process struct {
	PID, PPID         int
	State             string
	UIDs, GIDs        string
	Groups, Run, Note string
	Command           string
}

// processesOf lists the processes of a case by their first appearance.
func processesOf(c verdict.Case) []process {
	at := map[int]int{}
	var list []process
	for _, e := range c.Transcript {
		p := e.Process
		if p == nil {
			continue
		}
		out := process{
			PID: p.PID, PPID: p.PPID, State: visible.Short(p.State, 20), UIDs: ids(p.UIDs), GIDs: ids(p.GIDs),
			Groups: strings.Trim(fmt.Sprint(p.Groups), "[]"), Run: visible.Short(e.Run, 40),
			Note: visible.Short(p.Note, 120), Command: visible.Short(p.Command, 200),
		}
		if i, seen := at[p.PID]; seen {
			out.Command = cmp.Or(out.Command, list[i].Command)
			list[i] = out
			continue
		}
		at[p.PID] = len(list)
		list = append(list, out)
	}
	return list
}

// ids writes real, effective, saved and file system id, once when all are the same.
func ids(four [4]int) string {
	if four == [4]int{four[0], four[0], four[0], four[0]} {
		return fmt.Sprint(four[0])
	}
	return fmt.Sprintf("%d/%d/%d/%d", four[0], four[1], four[2], four[3])
}

// happened is what a sighting of a process says.
func happened(p *verdict.Process) string {
	text := fmt.Sprintf("%s, uid %s, parent %d", cmp.Or(program(p.Command), "process"), ids(p.UIDs), p.PPID)
	if p.State == "Z" || p.State == "X" {
		text += ", ended"
	}
	if p.Note != "" {
		text += ": " + p.Note
	}
	return text
}

// requested says in words what was asked of the Execution API, and what became of it.
func requested(h *verdict.HTTP) string { return fmt.Sprintf("%s %s %d", h.Method, h.Path, h.Status) }

// program is the last part of the path of the command.
func program(command string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(command), " ")
	return first[strings.LastIndexByte(first, '/')+1:]
}

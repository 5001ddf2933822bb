package verdict

import "fmt"

// maxAlike is how many problems that are alike are listed: a journal may hold any number of them.
const maxAlike = 10

// problems collects findings about the run. Of those that are alike it lists the first and counts the others.
type problems struct {
	found []finding
	seen  map[string]int // by class
}

// finding is a Problem with its class: its kind, and its sentence without what varies.
type finding struct {
	Problem
	class string
}

func (p *problems) problem(kind ProblemKind, id, format string, args ...any) {
	f := finding{Problem{Kind: kind, Case: id}, string(kind) + " " + format}
	if p.room(f) {
		f.Text = fmt.Sprintf(format, args...)
		p.found = append(p.found, f)
	}
}

// room counts a finding and says whether it is to be listed. A stale entry always is: the list is the user's own, and to be edited.
func (p *problems) room(f finding) bool {
	if p.seen == nil {
		p.seen = map[string]int{}
	}
	p.seen[f.class]++
	return p.seen[f.class] <= maxAlike || f.Kind == Stale
}

// join adds the findings of another journal.
func (p *problems) join(other problems) {
	listed := map[string]int{}
	for _, f := range other.found {
		listed[f.class]++
		if p.room(f) {
			p.found = append(p.found, f)
		}
	}
	for class, n := range other.seen {
		p.seen[class] += n - listed[class]
	}
}

// list is all that was found, and behind the last one of a kind how many more there are.
func (p *problems) list() []Problem {
	listed, last := map[string]int{}, map[string]int{}
	for i, f := range p.found {
		listed[f.class]++
		last[f.class] = i
	}
	var list []Problem
	for i, f := range p.found {
		list = append(list, f.Problem)
		if more := p.seen[f.class] - listed[f.class]; more > 0 && last[f.class] == i {
			list = append(list, Problem{Kind: f.Kind, Text: fmt.Sprintf("and %d more like this: %s", more, f.Text)})
		}
	}
	return list
}

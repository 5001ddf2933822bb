package verdict

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
)

// ErrJoin is wrapped by the error about journals that do not belong together.
var ErrJoin = errors.New("these journals do not join")

// Runs is what journals hold, sorted: of one run, or of several whose verdicts are one.
type Runs struct {
	runs   []*run // oldest first, once they are joined
	joined bool
}

// Join makes one of several:
//
//  1. Runs join when suite, commit, catalogue, implementation, its version and the
//     kind of sandbox are the same. A version counts where a sandbox told it.
//  2. Shards join with shards of the same plan, each of them once. Those that are
//     not there make the result incomplete, also when only one is given.
//  3. Other runs may plan the same case. The run that began last and played it counts.
//
// The order does not matter. An error wraps ErrJoin and names both runs.
func Join(parts ...*Runs) (*Runs, error) {
	all := &Runs{joined: true}
	for _, r := range parts {
		all.runs = append(all.runs, r.runs...)
	}
	slices.SortStableFunc(all.runs, func(a, b *run) int {
		return cmp.Or(a.started.Compare(b.started), cmp.Compare(a.name(), b.name()))
	})
	return all, all.refusal()
}

// name tells runs apart in a sentence.
func (r *run) name() string {
	if r.identity == nil {
		return ""
	}
	return r.identity.RunID
}

// version is that of the implementation, "" before a sandbox has told it.
func (r *run) version() string {
	version := ""
	if len(r.sandboxes) > 0 {
		version = r.sandboxes[0].Environment["implementation"]
	}
	if r.identity != nil {
		version = cmp.Or(r.identity.Version, version)
	}
	return version
}

// airflow is the release as which the implementation was judged, "" where nothing says it.
func (r *run) airflow() string {
	if len(r.sandboxes) == 0 {
		return ""
	}
	return r.sandboxes[0].Environment[journal.AirflowKey]
}

// planned lists the cases that were to be played; without a run-start nobody knows more than those that were.
func (r *run) planned() []string {
	if r.identity == nil {
		return r.order
	}
	return r.identity.Planned
}

// refusal says why the runs are not of one kind; nil when they are.
func (r *Runs) refusal() error {
	var first, known, released *run // known told its version, released its release
	shards := map[int]*run{}
	for _, other := range r.runs {
		if other.identity == nil {
			continue // a problem of its own
		}
		if first == nil {
			first = other
		}
		a, b := first.identity, other.identity
		for _, must := range [][3]string{
			{"suite", a.Suite, b.Suite},
			{"commit of the suite", a.Commit, b.Commit},
			{"catalogue", a.Catalogue, b.Catalogue},
			{"implementation", a.Implementation, b.Implementation},
			{"sandbox", a.Sandbox, b.Sandbox},
			{"part of the plan", sharding(a.Shard), sharding(b.Shard)},
			{"digest of the whole plan", digest(a.Shard), digest(b.Shard)},
		} {
			if must[1] != must[2] {
				return differ(must[0], must[1], first, must[2], other)
			}
		}
		if other.version() != "" {
			if known == nil {
				known = other
			}
			if v, w := known.version(), other.version(); v != w {
				return differ("version of the implementation", v, known, w, other)
			}
		}
		if v := other.airflow(); v != "" {
			if released == nil {
				released = other
			}
			if as := released.airflow(); as != v {
				return differ("release of Airflow", as, released, v, other)
			}
		}
		if s := other.identity.Shard; s != nil {
			if twice := shards[s.Index]; twice != nil {
				return fmt.Errorf("%w: %s is there twice, as run %s and as run %s: leave one out", ErrJoin, words(s), twice.name(), other.name())
			}
			shards[s.Index] = other
		}
	}
	return nil
}

func differ(what, a string, of *run, b string, other *run) error {
	return fmt.Errorf("%w: %s: %s in run %s, %s in run %s", ErrJoin, what, cmp.Or(a, "unknown"), of.name(), cmp.Or(b, "unknown"), other.name())
}

func words(s *journal.Shard) string { return plan.Shard{Index: s.Index, Of: s.Of}.Words() }

// sharding says into how many parts the plan was cut.
func sharding(s *journal.Shard) string {
	if s == nil {
		return "no shard"
	}
	return fmt.Sprintf("a shard of %d", s.Of)
}

func digest(s *journal.Shard) string {
	if s == nil {
		return ""
	}
	return s.Plan
}

// owners says of every planned case whose journal speaks of it: of the run that began last among those
// that played it, or that only planned it when none did. Order has the ids as they were planned.
func (r *Runs) owners() (order []string, owners map[string]*run) {
	planned := 0
	for _, run := range r.runs {
		planned += len(run.planned())
	}
	order, owners = make([]string, 0, planned), make(map[string]*run, planned)
	for _, run := range r.runs {
		for _, id := range run.planned() {
			before := owners[id]
			if before == nil {
				order = append(order, id)
			}
			if before == nil || len(run.cases[id]) > 0 || len(before.cases[id]) == 0 {
				owners[id] = run
			}
		}
	}
	return order, owners
}

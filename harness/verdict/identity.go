package verdict

import (
	"cmp"
	"slices"

	"github.com/understudy-conformance/understudy/harness/journal"
	"github.com/understudy-conformance/understudy/harness/plan"
	"github.com/understudy-conformance/understudy/harness/role"
)

// identity names what ran: of one run its own identity, of joined ones what they
// have in common, with the roles of all. Planned is filled with the cases.
func (b *builder) identity() {
	m := &b.model
	defer func() { m.Identity.Version = cmp.Or(m.Identity.Version, m.Environment["implementation"]) }()
	var all []journal.Identity
	planned := false
	for _, r := range b.all.runs {
		if r.identity != nil {
			planned = planned || len(r.identity.Planned) > 0 || r.identity.Shard != nil
			id := *r.identity
			id.Planned = nil
			all = append(all, id)
		}
	}
	if len(all) == 0 {
		return
	}
	if !planned {
		b.problem(Usage, "", "no case was planned")
	}
	if err := b.all.refusal(); err != nil {
		b.problem(Usage, "", "%v", err)
	}
	m.Identity = all[0]
	m.Identity.Roles = slices.Clone(m.Identity.Roles)
	if len(all) == 1 {
		return
	}
	m.Joined = all
	m.Identity.RunID, m.Identity.Shard = "", nil
	for _, other := range all[1:] {
		for _, r := range other.Roles {
			if !slices.Contains(m.Identity.Roles, r) {
				m.Identity.Roles = append(m.Identity.Roles, r)
			}
		}
		if other.Filter != m.Identity.Filter {
			m.Identity.Filter = ""
		}
		if other.Manifest != m.Identity.Manifest {
			m.Identity.Manifest = ""
		}
	}
}

// shards says which part of a plan this is, and which parts are missing.
func (b *builder) shards() {
	m := &b.model
	there := map[int]bool{}
	var whole *journal.Shard
	cases := 0
	for _, r := range b.all.runs {
		if r.identity == nil || r.identity.Shard == nil {
			continue
		}
		if s := r.identity.Shard; s.Of < 1 || s.Of > plan.MaxShards || s.Index < 1 || s.Index > s.Of {
			b.problem(Ours, "", "the journal is of %s, which cannot be", words(s))
			return
		}
		whole = r.identity.Shard
		there[whole.Index] = true
		cases += len(r.identity.Planned)
	}
	switch {
	case whole == nil:
	case len(there) < whole.Of && !b.all.joined:
		m.Part = Part{Shard: whole.Index, There: 1, Of: whole.Of}
	case len(there) < whole.Of:
		m.Part = Part{There: len(there), Of: whole.Of}
		for i := 1; i <= whole.Of; i++ {
			if !there[i] {
				b.problem(Incomplete, "", "shard %d of %d is missing", i, whole.Of)
			}
		}
	case cases != len(b.order) || plan.Digest(m.Identity.Catalogue, b.order) != whole.Plan:
		b.problem(Ours, "", "the shards together are not the plan whose digest they carry")
	}
}

// partial finds out in what respects the run is less than a whole one.
func (b *builder) partial() {
	m := &b.model
	for _, kase := range b.index {
		if b.played(kase.Role) {
			m.Offered++
		}
	}
	if i := slices.IndexFunc(b.all.runs, func(r *run) bool { return r.cut }); i >= 0 {
		m.Cut, m.CutWhy = true, b.all.runs[i].cutWhy
	}
	if len(m.Joined) > 0 {
		m.Identity.Command = joined(m.Joined, m.Identity, m.Inside >= m.Offered)
	}
}

// played says whether the implementation plays the role, as far as the journals know.
func (b *builder) played(r role.Role) bool {
	roles := b.model.Identity.Roles
	return len(roles) == 0 || slices.Contains(roles, r)
}

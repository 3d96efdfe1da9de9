package prose

import "testing"

func TestSome(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Some(nil, 3), ""},
		{Some([]string{"a", "b"}, 3), "a, b"},
		{Some([]string{"a", "b", "c"}, 3), "a, b, c"},
		{Some([]string{"a", "b", "c", "d", "e"}, 3), "a, b, c and 2 more"},
		{SomeOf([]string{"a"}, 3, 4), "a and 3 more"},
		{SomeOf([]string{"a"}, 3, 0), "a"},
		{Sentence("update it"), "Update it."},
		{Sentence("Update it."), "Update it."},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}

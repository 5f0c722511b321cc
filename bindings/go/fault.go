package pgwalstream

// fault never shows the value, which is the user's data.
func (f Field) fault(status Status, wanted string) error {
	return &valueError{status, wanted, f.typ, f.Kind(), f.Len(), f.column, f.relation}
}

// A valueError costs little until somebody asks for the sentence.
type valueError struct {
	status   Status
	wanted   string
	typ      uint32
	kind     ValueKind
	length   int
	column   *Column
	relation *Relation
}

func (e *valueError) Error() string {
	return "pgwalstream: " + e.status.String() + ": " + e.message()
}

// message names the column and says what the value is.
func (e *valueError) message() string {
	place := ""
	if e.column != nil && e.relation != nil {
		place = "column \"" + e.column.Name + "\" of " + e.relation.String() + " (" + e.column.TypeInfo.String() + "): "
	}
	typ := BuiltInType(e.typ).String()
	if typ == "" {
		typ = "the type with OID " + decimal(int(e.typ))
	}
	switch {
	case e.status == ErrNoValue:
		what := map[ValueKind]string{
			Null:      "NULL",
			Unchanged: "unchanged TOAST, which the server does not send",
			Absent:    "not part of the replica identity and was not sent",
		}
		return place + "there is nothing to read as " + e.wanted + ": the value is " + what[e.kind]
	case e.status == ErrOutOfRange:
		return place + "the value of " + typ + " does not fit " + e.wanted
	case e.isUnresolved():
		return place + "what " + typ + " is made of is not known, so that its " + decimal(e.length) + " bytes are not read as " + e.wanted
	}
	return place + "the " + decimal(e.length) + " bytes of a value of " + typ + " cannot be read as " + e.wanted
}

func (e *valueError) isUnresolved() bool { return e.kind == Binary && e.typ >= firstNotBuiltIn }

// hint is what to do about it.
func (e *valueError) hint() string {
	switch {
	case e.status == ErrNoValue && e.kind == Null:
		return "Look at the value's kind first, or read it as one that may be NULL."
	case e.status == ErrNoValue && e.kind == Unchanged:
		return "The UPDATE left the large value alone: keep what you have, or set REPLICA IDENTITY FULL and read the old row."
	case e.status == ErrNoValue:
		return "Set REPLICA IDENTITY FULL to get every column of old rows."
	case e.status == ErrOutOfRange:
		return "Read it as a wider type, or format it as text."
	case e.status == ErrType && e.isUnresolved():
		return "Read it as text or as bytes, or set option binary to off: then the server writes every type as text."
	}
	return ""
}

func (e *valueError) Is(target error) bool {
	status, ok := target.(Status)
	return ok && status == e.status
}

// As gives an *Error to those who ask for one.
func (e *valueError) As(target any) bool {
	if to, ok := target.(**Error); ok {
		*to = &Error{Status: e.status, Name: e.status.String(), Message: e.message(), Hint: e.hint()}
		return true
	}
	return false
}

use super::Lowering;
impl Lowering<'_, '_> {
    pub(super) fn treatments(&mut self) {}
}

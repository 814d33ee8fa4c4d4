use super::Lowering;
impl Lowering<'_, '_> {
    pub(super) fn translations(&mut self) {}
}
